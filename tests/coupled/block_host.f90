! SPDX-License-Identifier: MIT
!> A host in the shape of CICE: blocks with ghost cells, of which a rank may hold fewer than it has room for, radians,
!> thickness categories, a C grid (T, E, N).
!>
!> block_host NAMELIST OUT YEAR DAY: receives the sea ice of one day through a restoring hook and writes to OUT.000,
!> OUT.001, ... for each of T, E and N the longitudes, latitudes (radians) and concentrations of the rank's points, -1
!> where there is none.
module ice_blocks
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none
  public

  integer, parameter :: dbl_kind = real64
  !> Domain, one block inside of its ghost cells, ghost cells, room for blocks, categories
  integer, parameter :: nx_global = 48, ny_global = 20, block_size_x = 12, block_size_y = 5, nghost = 1, &
    max_blocks = 16, ncat = 5
  integer, parameter :: nx_block = block_size_x + 2*nghost, ny_block = block_size_y + 2*nghost
  real(dbl_kind), parameter :: pi = acos(-1.0_dbl_kind)

  !> Blocks of this rank: 1 to nblocks of max_blocks, which may be none
  integer :: nblocks = 0
  !> Centres, east faces, north faces [radians]
  real(dbl_kind), dimension(nx_block, ny_block, max_blocks) :: tlon, tlat, elon, elat, nlon, nlat

contains

  !> Deals the blocks to the ranks. The last rank gets none if there are several.
  subroutine init_domain(rank, ranks)
    integer, intent(in) :: rank, ranks
    integer :: i, j, ib, jb, number
    real(dbl_kind) :: dlon, dlat, lon, lat

    dlon = 2*pi/nx_global
    dlat = 1.6_dbl_kind*pi/180
    do jb = 0, ny_global/block_size_y - 1
      do ib = 0, nx_global/block_size_x - 1
        number = jb*(nx_global/block_size_x) + ib
        if (mod(number, max(1, ranks - 1)) /= rank) cycle
        nblocks = nblocks + 1
        do j = 1, ny_block
          do i = 1, nx_block
            lon = -pi + modulo(ib*block_size_x + i - nghost - 1, nx_global)*dlon
            lat = 50*pi/180 + (jb*block_size_y + j - nghost - 1)*dlat
            tlon(i, j, nblocks) = lon + dlon/2
            tlat(i, j, nblocks) = lat + dlat/2
            elon(i, j, nblocks) = lon + dlon
            elat(i, j, nblocks) = lat + dlat/2
            nlon(i, j, nblocks) = lon + dlon/2
            nlat(i, j, nblocks) = lat + dlat
          end do
        end do
      end do
    end do
  end subroutine init_domain

end module ice_blocks

module ice_state
  use ice_blocks, only: dbl_kind, max_blocks, ncat, nx_block, ny_block
  implicit none
  public

  !> Lower bounds of the thickness categories, and the end of the last [m]
  real(dbl_kind), parameter :: hin_max(0:ncat) = [0.0_dbl_kind, 0.3_dbl_kind, 0.7_dbl_kind, 1.2_dbl_kind, &
                                                  2.0_dbl_kind, 999.0_dbl_kind]
  !> Concentration [1] and volume per area [m], of each category
  real(dbl_kind), dimension(nx_block, ny_block, ncat, max_blocks) :: aicen = 0, vicen = 0
  !> Aggregates at the centres; concentration at the faces
  real(dbl_kind), dimension(nx_block, ny_block, max_blocks) :: aice = -1, vice = -1, aice_e = -1, aice_n = -1

end module ice_state

module ice_exit
  use, intrinsic :: iso_fortran_env, only: error_unit
  use mpi
  implicit none
  private
  public :: abort_ice

contains

  !> The host's own way to end, which all ranks come to.
  subroutine abort_ice(message)
    character(len=*), intent(in) :: message
    integer :: ignored

    write (error_unit, '(2a)') 'block_host: ', trim(message)
    call MPI_Finalize(ignored)
    stop 1, quiet=.true.
  end subroutine abort_ice

end module ice_exit

module ice_restoring
  use ice_blocks, only: dbl_kind, elat, elon, nblocks, ncat, nlat, nlon, nx_block, ny_block, tlat, tlon
  use ice_exit, only: abort_ice
  use ice_state, only: aice, aice_e, aice_n, aicen, hin_max, vice, vicen
  use icegen, only: icegen_emulator, icegen_fill_categories
  implicit none
  private
  public :: ice_restoring_init, ice_restoring_getdata, ice_restoring_end

  type(icegen_emulator), save :: ice
  integer :: ierr
  character(len=512) :: errmsg

contains

  subroutine ice_restoring_init(comm, namelist)
    integer, intent(in) :: comm
    character(len=*), intent(in) :: namelist

    call ice%open(comm, namelist, ierr, errmsg)
    call check()
    call add('T', tlon, tlat)
    call add('E', elon, elat)
    call add('N', nlon, nlat)
  end subroutine ice_restoring_init

  !> One call per rank: its blocks follow each other in one flat list, which may be empty.
  subroutine add(name, lon, lat)
    character(len=*), intent(in) :: name
    real(dbl_kind), intent(in) :: lon(:, :, :), lat(:, :, :)

    call ice%add_target(name, pack(lon(:, :, :nblocks), .true.), pack(lat(:, :, :nblocks), .true.), ierr, errmsg, &
                        units='radians')
    call check()
  end subroutine add

  !> The hook where custom data are read: the state towards which the ice is restored.
  subroutine ice_restoring_getdata(year, day)
    integer, intent(in) :: year, day
    integer :: block

    call ice%request(1, year, day, ierr, errmsg)
    call check()
    call get('T', 'sic', aice)
    call get('T', 'sit', vice)
    call get('E', 'sic', aice_e)
    call get('N', 'sic', aice_n)
    do block = 1, nblocks
      call fill(aice(:, :, block), vice(:, :, block), aicen(:, :, :, block), vicen(:, :, :, block))
    end do
  end subroutine ice_restoring_getdata

  subroutine get(target, variable, field)
    character(len=*), intent(in) :: target, variable
    real(dbl_kind), intent(inout) :: field(:, :, :)
    real(dbl_kind) :: values(nx_block*ny_block*nblocks)
    logical :: valid(size(values))

    values = pack(field(:, :, :nblocks), .true.)
    call ice%receive(target, variable, 1, values, valid, ierr, errmsg)
    call check()
    field(:, :, :nblocks) = reshape(values, [nx_block, ny_block, nblocks])
  end subroutine get

  !> Spreads one block's ice over the categories; the block is a flat list of points here.
  subroutine fill(area, volume, category_area, category_volume)
    real(dbl_kind), dimension(nx_block*ny_block), intent(in) :: area, volume
    real(dbl_kind), dimension(nx_block*ny_block, ncat), intent(inout) :: category_area, category_volume

    call icegen_fill_categories(max(area, 0.0_dbl_kind), max(volume, 0.0_dbl_kind), hin_max, category_area, &
                                category_volume, ierr, errmsg)
    call check()
  end subroutine fill

  subroutine ice_restoring_end()
    call ice%close(ierr, errmsg)
    call check()
  end subroutine ice_restoring_end

  subroutine check()
    if (ierr /= 0) call abort_ice(errmsg)
  end subroutine check

end module ice_restoring

program block_host
  use, intrinsic :: iso_fortran_env, only: real64
  use mpi
  use ice_blocks, only: elat, elon, init_domain, nblocks, nlat, nlon, tlat, tlon
  use ice_exit, only: abort_ice
  use ice_restoring, only: ice_restoring_end, ice_restoring_getdata, ice_restoring_init
  use ice_state, only: aice, aice_e, aice_n, aicen, vice, vicen
  implicit none
  character(len=512) :: arguments(4)
  character(len=4) :: suffix
  integer :: rank, ranks, year, day, i, ierr, unit

  call MPI_Init(ierr)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierr)
  do i = 1, size(arguments)
    call get_command_argument(i, arguments(i))
  end do
  read (arguments(3), *) year
  read (arguments(4), *) day

  call init_domain(rank, ranks)
  call ice_restoring_init(MPI_COMM_WORLD, trim(arguments(1)))
  call ice_restoring_getdata(year, day)
  call ice_restoring_end()

  if (any(aice(:, :, nblocks + 1:) > -1)) call abort_ice('room without a block was written to')
  if (any(abs(sum(aicen, 3) - max(aice, 0.0_real64)) > 1.0e-12_real64)) call abort_ice('area is not conserved')
  if (any(abs(sum(vicen, 3) - merge(vice, 0.0_real64, aice > 0)) > 1.0e-12_real64)) call abort_ice('volume is not conserved')
  if (nblocks > 0 .and. count(any(any(any(aicen > 0, 4), 2), 1)) < 2) call abort_ice('all ice is in one category')

  write (suffix, '(a, i3.3)') '.', rank
  open (newunit=unit, file=trim(arguments(2))//suffix, form='unformatted', access='stream', status='replace')
  write (unit) tlon(:, :, :nblocks), tlat(:, :, :nblocks), aice(:, :, :nblocks)
  write (unit) elon(:, :, :nblocks), elat(:, :, :nblocks), aice_e(:, :, :nblocks)
  write (unit) nlon(:, :, :nblocks), nlat(:, :, :nblocks), aice_n(:, :, :nblocks)
  close (unit)
  call MPI_Finalize(ierr)
end program block_host
