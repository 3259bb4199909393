! SPDX-License-Identifier: MIT
!> Example 6, a host that has observations: it receives members that agree with them.
!>
!>     mpif90 observe.f90 -o observe $(pkg-config --cflags --libs icegen)
!>     mpirun -n 4 observe icegen.nml 2007
!>
!> The host's points are circles of latitude, dealt to the ranks in turn. Along a line across the pole, it observed a
!> thickness of 1 m, with an error of 0.2 m.
!> It prints the ice volume of some samples, and of the same members given the observations.
program observe
  use, intrinsic :: iso_fortran_env, only: error_unit, real64
  use mpi
  use icegen, only: icegen_emulator
  implicit none

  integer, parameter :: nlon = 120, nlat = 45, members = 4, day_of_year = 74
  !> Sides of a cell [degrees], southernmost edge [degrees north], area of one square degree at the equator [m2]
  real(real64), parameter :: dlon = 360.0_real64/nlon, dlat = 1.0_real64, south = 45.0_real64
  real(real64), parameter :: degree = acos(-1.0_real64)/180, square_degree = (6371229.0_real64*degree)**2
  integer, parameter :: sampled = 1, observed = 2 ! slots

  type(icegen_emulator) :: ice
  real(real64), allocatable :: lon(:), lat(:), area(:)         ! this rank's points: degrees, degrees, m2
  real(real64), allocatable :: track_lon(:), track_lat(:)      ! this rank's observations: degrees
  real(real64), allocatable :: thickness(:), errors(:), sit(:) ! m
  logical, allocatable :: valid(:)
  real(real64) :: totals(members) ! ice volume of each member [m3]
  character(len=512) :: namelist, argument, errmsg
  integer :: rank, ranks, year, member, slot, i, j, ierr, status

  call MPI_Init(status)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, status)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, status)
  call get_command_argument(1, namelist)
  call get_command_argument(2, argument)
  read (argument, *) year

  lon = [(((i - 0.5_real64)*dlon, i=1, nlon), j=rank + 1, nlat, ranks)]
  lat = [((south + (j - 0.5_real64)*dlat, i=1, nlon), j=rank + 1, nlat, ranks)]
  area = square_degree*dlon*dlat*cos(lat*degree)
  ! Each observation is on one rank: one of 61, from 75 degrees north across the pole.
  track_lat = [(90 - abs(30 - i)*0.5_real64, i=rank, 60, ranks)]
  track_lon = [(merge(180.0_real64, 0.0_real64, i < 30), i=rank, 60, ranks)]
  allocate (thickness(size(track_lon)), source=1.0_real64)
  allocate (errors(size(track_lon)), source=0.2_real64)
  allocate (sit(size(lon)), valid(size(lon)))

  call ice%open(MPI_COMM_WORLD, trim(namelist), ierr, errmsg)
  call stop_on_error()
  call ice%add_target('T', lon, lat, ierr, errmsg)
  call stop_on_error()
  call ice%add_target('track', track_lon, track_lat, ierr, errmsg)
  call stop_on_error()

  call ice%request(members, year, day_of_year, ierr, errmsg, slot=sampled)
  call stop_on_error()
  call ice%observe('track', 'sit', thickness, errors, ierr, errmsg)
  call stop_on_error()
  call ice%analyse(members, year, day_of_year, ierr, errmsg, slot=observed)
  call stop_on_error()

  do slot = sampled, observed
    do member = 1, members
      sit = 0 ! stays so where icegen has no value
      call ice%receive('T', 'sit', member, sit, valid, ierr, errmsg, slot=slot)
      call stop_on_error()
      totals(member) = sum(sit*area)
    end do
    call MPI_Allreduce(MPI_IN_PLACE, totals, members, MPI_DOUBLE_PRECISION, MPI_SUM, MPI_COMM_WORLD, status)
    if (rank == 0) print '(a, *(f9.3))', merge('samples ', 'observed', slot == sampled), totals*1e-12_real64
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

end program observe
