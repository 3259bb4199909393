! SPDX-License-Identifier: MIT
!> Example 5, a host that has ice of its own: it receives an ensemble around it, at several levels.
!>
!>     mpif90 perturb.f90 -o perturb $(pkg-config --cflags --libs icegen)
!>     mpirun -n 4 perturb icegen.nml 2007
!>
!> The host's points are circles of latitude, dealt to the ranks in turn. Its own ice is a cap about the pole.
!> For each level it prints the ice area of its members, which are its own ice and increments to it.
program perturb
  use, intrinsic :: iso_fortran_env, only: error_unit, real64
  use mpi
  use icegen, only: icegen_emulator
  implicit none

  integer, parameter :: nlon = 120, nlat = 45, members = 4, day_of_year = 74
  !> Sides of a cell [degrees], southernmost edge [degrees north], area of one square degree at the equator [m2]
  real(real64), parameter :: dlon = 360.0_real64/nlon, dlat = 1.0_real64, south = 45.0_real64
  real(real64), parameter :: degree = acos(-1.0_real64)/180, square_degree = (6371229.0_real64*degree)**2
  real(real64), parameter :: levels(4) = [0.0_real64, 0.1_real64, 0.3_real64, 1.0_real64]

  type(icegen_emulator) :: ice
  real(real64), allocatable :: lon(:), lat(:), area(:) ! this rank's points: degrees, degrees, m2
  real(real64), allocatable :: sic(:), sit(:)          ! the host's own ice at them: 1, m
  real(real64), allocatable :: increment(:)
  logical, allocatable :: valid(:)
  real(real64) :: totals(members) ! ice area of each member [m2]
  character(len=512) :: namelist, argument, errmsg
  integer :: rank, ranks, year, member, n, i, j, ierr, status

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
  sic = min(max((lat - 70)/8, 0.0_real64), 0.95_real64)
  sit = 2*sic
  allocate (increment(n), valid(n))

  call ice%open(MPI_COMM_WORLD, trim(namelist), ierr, errmsg)
  call stop_on_error()
  call ice%add_target('T', lon, lat, ierr, errmsg)
  call stop_on_error()

  do i = 1, size(levels)
    call ice%give('T', 'sic', sic, ierr, errmsg) ! a host with halos or land says with `valid` what to leave out
    call stop_on_error()
    call ice%give('T', 'sit', sit, ierr, errmsg)
    call stop_on_error()
    call ice%perturb(members, levels(i), year, day_of_year, ierr, errmsg)
    call stop_on_error()

    do member = 1, members
      increment = 0 ! stays so where icegen has no value
      call ice%receive('T', 'sic_increment', member, increment, valid, ierr, errmsg)
      call stop_on_error()
      totals(member) = sum(min(max(sic + increment, 0.0_real64), 1.0_real64)*area)
    end do
    call MPI_Allreduce(MPI_IN_PLACE, totals, members, MPI_DOUBLE_PRECISION, MPI_SUM, MPI_COMM_WORLD, status)
    if (rank == 0) print '(a, f4.1, *(f9.3))', 'level', levels(i), totals*1e-12_real64
  end do

  call ice%close(ierr, errmsg)
  call stop_on_error()
  call MPI_Finalize(status)

contains

  !> `ierr` is the same on all ranks, so all of them end together, in the host's own way.
  subroutine stop_on_error()
    integer :: ignored
    if (ierr == 0) return
    if (rank == 0) write (error_unit, '(a)') trim(errmsg)
    call ice%close(ignored)
    call MPI_Finalize(status)
    stop 1, quiet=.true.
  end subroutine stop_on_error

end program perturb
