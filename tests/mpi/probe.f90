! SPDX-License-Identifier: MIT
!> Receives fields through the Fortran module on any number of ranks, for comparison with other ways to the same fields.
!>
!> probe NAMELIST POINTS OUT YEAR DAY MEMBERS VARIABLES [UNITS METHOD DISTANCE [WEIGHTS]]: POINTS holds real64 pairs
!> (lon, lat), dealt to the ranks in turn, of three and more to all but the second; they are WEIGHTS' target cells.
!> OUT receives, for each member and each of the VARIABLES, parted by commas, real64 values in the order of POINTS, -1
!> where not valid. Prints for each rank whether libtorch is mapped into its process.
program probe
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use mpi
  use icegen, only: icegen_emulator
  implicit none
  type(icegen_emulator) :: ice
  character(len=512) :: arguments(11), errmsg
  integer :: rank, ranks, ierr, i, m, n, unit, year, day, members, first, last
  integer(int64) :: bytes
  real(real64) :: distance
  real(real64), allocatable :: points(:, :), values(:), field(:)
  logical, allocatable :: valid(:)
  integer, allocatable :: mine(:) ! the numbers of this rank's points

  call MPI_Init(ierr)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierr)
  arguments(8:) = [character(len=512) :: 'degrees', 'bilinear', '0', '']
  do i = 1, command_argument_count()
    call get_command_argument(i, arguments(i))
  end do
  read (arguments(4), *) year
  read (arguments(5), *) day
  read (arguments(6), *) members
  read (arguments(10), *) distance

  inquire (file=trim(arguments(2)), size=bytes)
  n = int(bytes/16)
  allocate (points(2, n), field(n))
  open (newunit=unit, file=trim(arguments(2)), access='stream', form='unformatted', status='old', action='read')
  read (unit) points
  close (unit)
  mine = pack([(i, i=1, n)], [(owner(i) == rank, i=1, n)])

  call ice%open(MPI_COMM_WORLD, trim(arguments(1)), ierr, errmsg)
  call stop_on(ierr)
  if (arguments(11) == '') then
    call ice%add_target('points', points(1, mine), points(2, mine), ierr, errmsg, units=trim(arguments(8)), &
      method=trim(arguments(9)), distance=distance)
  else
    call ice%add_target('points', points(1, mine), points(2, mine), ierr, errmsg, units=trim(arguments(8)), &
      weights=trim(arguments(11)), cells=mine)
  end if
  call stop_on(ierr)
  call ice%request(members, year, day, ierr, errmsg)
  call stop_on(ierr)

  allocate (values(size(mine)), valid(size(mine)))
  if (rank == 0) open (newunit=unit, file=trim(arguments(3)), access='stream', form='unformatted', status='replace')
  do m = 1, members
    first = 1
    do while (first <= len_trim(arguments(7)))
      last = first + scan(arguments(7) (first:), ', ') - 2
      values = -1
      call ice%receive('points', arguments(7) (first:last), m, values, valid, ierr, errmsg)
      call stop_on(ierr)
      field = 0
      field(mine) = values
      call MPI_Allreduce(MPI_IN_PLACE, field, n, MPI_DOUBLE_PRECISION, MPI_SUM, MPI_COMM_WORLD, ierr)
      if (rank == 0) write (unit) field
      first = last + 2
    end do
  end do
  if (rank == 0) close (unit)

  print '(a,i0,a,l1)', 'rank ', rank, ' libtorch ', maps_libtorch()
  call ice%close(ierr, errmsg)
  call stop_on(ierr)
  call MPI_Finalize(ierr)

contains

  !> The rank that has a point.
  pure integer function owner(point)
    integer, intent(in) :: point
    if (ranks < 3) then
      owner = modulo(point, ranks)
    else
      owner = modulo(point, ranks - 1)
      if (owner > 0) owner = owner + 1
    end if
  end function owner

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
