! SPDX-License-Identifier: MIT
!> Receives a field through the Fortran module on any number of ranks, for comparison with other ways to the same field.
!>
!> probe NAMELIST POINTS OUT YEAR DAY MEMBERS VARIABLE: POINTS holds real64 pairs (lon, lat), dealt to the ranks in
!> turn; OUT receives, for each member, real64 values in the order of POINTS, -1 where not valid. Prints for each rank
!> whether libtorch is mapped into its process.
program probe
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use mpi
  use icegen, only: icegen_emulator
  implicit none
  type(icegen_emulator) :: ice
  character(len=512) :: arguments(7), errmsg
  integer :: rank, ranks, ierr, i, m, n, unit, year, day, members
  integer(int64) :: bytes
  real(real64), allocatable :: points(:, :), values(:), field(:)
  logical, allocatable :: valid(:)

  call MPI_Init(ierr)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierr)
  do i = 1, size(arguments)
    call get_command_argument(i, arguments(i))
  end do
  read (arguments(4), *) year
  read (arguments(5), *) day
  read (arguments(6), *) members

  inquire (file=trim(arguments(2)), size=bytes)
  n = int(bytes/16)
  allocate (points(2, n), field(n))
  open (newunit=unit, file=trim(arguments(2)), access='stream', form='unformatted', status='old', action='read')
  read (unit) points
  close (unit)

  call ice%open(MPI_COMM_WORLD, trim(arguments(1)), ierr, errmsg)
  call stop_on(ierr)
  call ice%add_target('points', points(1, rank + 1:n:ranks), points(2, rank + 1:n:ranks), ierr, errmsg)
  call stop_on(ierr)
  call ice%request(members, year, day, ierr, errmsg)
  call stop_on(ierr)

  allocate (values(size(points(1, rank + 1:n:ranks))), valid(size(points(1, rank + 1:n:ranks))))
  if (rank == 0) open (newunit=unit, file=trim(arguments(3)), access='stream', form='unformatted', status='replace')
  do m = 1, members
    values = -1
    call ice%receive('points', trim(arguments(7)), m, values, valid, ierr, errmsg)
    call stop_on(ierr)
    field = 0
    field(rank + 1:n:ranks) = values
    call MPI_Allreduce(MPI_IN_PLACE, field, n, MPI_DOUBLE_PRECISION, MPI_SUM, MPI_COMM_WORLD, ierr)
    if (rank == 0) write (unit) field
  end do
  if (rank == 0) close (unit)

  print '(a,i0,a,l1)', 'rank ', rank, ' libtorch ', maps_libtorch()
  call ice%close(ierr, errmsg)
  call stop_on(ierr)
  call MPI_Finalize(ierr)

contains

  subroutine stop_on(ierr)
    integer, intent(in) :: ierr
    integer :: ignored
    if (ierr == 0) return
    if (rank == 0) print '(a)', trim(errmsg)
    call MPI_Finalize(ignored)
    stop 1, quiet=.true.
  end subroutine stop_on

  !> True if this process has libtorch among its mappings (Linux).
  logical function maps_libtorch()
    character(len=1024) :: line
    integer :: unit, iostat
    maps_libtorch = .false.
    open (newunit=unit, file='/proc/self/maps', status='old', action='read')
    do
      read (unit, '(a)', iostat=iostat) line
      if (iostat /= 0) exit
      if (index(line, 'libtorch') > 0) maps_libtorch = .true.
    end do
    close (unit)
  end function maps_libtorch

end program probe
