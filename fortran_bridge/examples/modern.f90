! SPDX-License-Identifier: MIT
!> Example 1, a host in modern Fortran: it asks for one sea-ice state a month, a month ahead.
!>
!>     mpif90 modern.f90 -o modern $(pkg-config --cflags --libs icegen)
!>     mpirun -n 4 modern icegen.nml 2007
!>
!> The host's points are circles of latitude, dealt to the ranks in turn.
!> It prints the ice area and volume of each month; README.md has the expected output.
program modern
  use, intrinsic :: iso_fortran_env, only: error_unit, real64
  use mpi
  use icegen, only: icegen_emulator
  implicit none

  integer, parameter :: nlon = 120, nlat = 45, member = 1
  !> Sides of a cell [degrees], southernmost edge [degrees north], area of one square degree at the equator [m2]
  real(real64), parameter :: dlon = 360.0_real64/nlon, dlat = 1.0_real64, south = 45.0_real64
  real(real64), parameter :: degree = acos(-1.0_real64)/180, square_degree = (6371229.0_real64*degree)**2
  integer, parameter :: middle(12) = [15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349] ! days of the year

  type(icegen_emulator) :: ice
  real(real64), allocatable :: lon(:), lat(:), area(:) ! this rank's points: degrees, degrees, m2
  real(real64), allocatable :: sic(:), sit(:)          ! the ice at them: 1, m
  logical, allocatable :: valid(:)
  real(real64) :: totals(2)                            ! area [m2], volume [m3]
  character(len=512) :: namelist, argument, errmsg
  integer :: rank, ranks, year, month, n, i, j, ierr, status

  call MPI_Init(status)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, status)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, status)
  call get_command_argument(1, namelist)
  call get_command_argument(2, argument)
  read (argument, *) year

  lon = [(((i - 0.5_real64)*dlon, i=1, nlon), j=rank + 1, nlat, ranks)]
  lat = [((south + (j - 0.5_real64)*dlat, i=1, nlon), j=rank + 1, nlat, ranks)]
  area = square_degree*dlon*dlat*cos(lat*degree)
  n = size(lon)
  allocate (sic(n), sit(n), valid(n))
  sic = 0 ! stays so where icegen has no value
  sit = 0

  call ice%open(MPI_COMM_WORLD, trim(namelist), ierr, errmsg)
  call stop_on_error()
  call ice%add_target('T', lon, lat, ierr, errmsg)
  call stop_on_error()

  call ask_for(1)
  do month = 1, 12
    if (month < 12) call ask_for(month + 1)

    ! The host's own month runs here, while the ice of the next is generated.

    call ice%receive('T', 'sic', member, sic, valid, ierr, errmsg, slot=slot_of(month))
    call stop_on_error()
    call ice%receive('T', 'sit', member, sit, valid, ierr, errmsg, slot=slot_of(month))
    call stop_on_error()

    totals = [sum(sic*area), sum(sit*area)]
    call MPI_Allreduce(MPI_IN_PLACE, totals, 2, MPI_DOUBLE_PRECISION, MPI_SUM, MPI_COMM_WORLD, status)
    if (rank == 0) print '(i4, a, i2.2, 2(f9.3, a))', year, '-', month, totals(1)*1e-12_real64, ' million km2', &
      totals(2)*1e-12_real64, ' thousand km3'
  end do

  call ice%close(ierr, errmsg)
  call stop_on_error()
  call MPI_Finalize(status)

contains

  !> Two slots serve in turn: one holds the month being received, the other the month being generated.
  pure integer function slot_of(month)
    integer, intent(in) :: month
    slot_of = 1 + mod(month, 2)
  end function slot_of

  subroutine ask_for(month)
    integer, intent(in) :: month
    call ice%request(1, year, middle(month), ierr, errmsg, slot=slot_of(month))
    call stop_on_error()
  end subroutine ask_for

  !> `ierr` is the same on all ranks, so all of them end together, in the host's own way.
  subroutine stop_on_error()
    integer :: ignored
    if (ierr == 0) return
    if (rank == 0) write (error_unit, '(a)') trim(errmsg)
    call ice%close(ignored)
    call MPI_Finalize(status)
    stop 1, quiet=.true.
  end subroutine stop_on_error

end program modern
