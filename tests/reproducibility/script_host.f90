! SPDX-License-Identifier: MIT
!> A host that does what a script says, on any of its ranks: `script_host SCRIPT OUT`.
!>
!> A line of SCRIPT is a command and its words, parted by blanks:
!>   ranks N                             the first N ranks do what follows; to be given before `open`
!>   open NAMELIST
!>   target NAME POINTS                  file of real64 pairs (lon, lat), dealt to the ranks in turn
!>   blocks NAME POINTS                  the same, dealt in blocks that overlap by 3 points, their halos
!>   request SLOT FIRST MEMBERS YEAR DAY
!>   give TARGET VARIABLE FILE           real64 values in the order of POINTS, NaN where not valid; halos are left out
!>   perturb SLOT FIRST MEMBERS LEVEL YEAR DAY
!>   observe TARGET VARIABLE FILE        real64 pairs (value, error); otherwise as `give`
!>   analyse SLOT FIRST MEMBERS YEAR DAY
!>   receive SLOT TARGET VARIABLE MEMBER
!>   get_state FILE
!>   set_state FILE
!>   close
!> OUT gets the field of each `receive`, real32 values in the order of POINTS, -1 where not valid.
program script_host
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: ieee_arithmetic, only: ieee_is_nan
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use mpi
  use icegen, only: icegen_emulator, icegen_state_length
  implicit none

  interface
    integer(c_int) function usleep(microseconds) bind(c)
      import :: c_int
      integer(c_int), value :: microseconds
    end function usleep
  end interface

  type :: points_t
    character(len=64) :: name
    integer :: n !> on all ranks
    integer, allocatable :: mine(:) !> numbers of this rank's points
    logical, allocatable :: own(:)  !> false for its halo
  end type points_t

  type(icegen_emulator) :: ice
  type(points_t), allocatable :: targets(:)
  character(len=512) :: script, out, line, words(7), errmsg
  integer :: comm, rank, world_rank, unit, out_unit, iostat, ierr

  call MPI_Init(ierr)
  call MPI_Comm_rank(MPI_COMM_WORLD, world_rank, ierr)
  call get_command_argument(1, script)
  call get_command_argument(2, out)
  if (world_rank == 0) open (newunit=out_unit, file=trim(out), access='stream', form='unformatted', status='replace')

  comm = MPI_COMM_NULL
  open (newunit=unit, file=trim(script), status='old', action='read')
  do
    read (unit, '(a)', iostat=iostat) line
    if (iostat /= 0) exit
    words = ''
    ! allow(C181): a line has fewer words than there is room for
    read (line, *, iostat=iostat) words
    if (words(1) == 'ranks') then
      call choose_ranks(number(2))
    else if (comm /= MPI_COMM_NULL) then
      call do_command()
    end if
  end do
  close (unit)
  if (world_rank == 0) close (out_unit)
  call wait_for_all()
  call MPI_Finalize(ierr)

contains

  !> The number that a word of the line is.
  integer function number(i)
    integer, intent(in) :: i
    read (words(i), *) number
  end function number

  !> Make `comm` of the first n ranks; the others have none.
  subroutine choose_ranks(n)
    integer, intent(in) :: n
    call wait_for_all()
    if (comm /= MPI_COMM_NULL) call MPI_Comm_free(comm, ierr)
    call MPI_Comm_split(MPI_COMM_WORLD, merge(0, MPI_UNDEFINED, world_rank < n), world_rank, comm, ierr)
    if (comm /= MPI_COMM_NULL) call MPI_Comm_rank(comm, rank, ierr)
  end subroutine choose_ranks

  !> A barrier whose ranks sleep, so that the cores are free for those that still generate.
  subroutine wait_for_all()
    integer :: request
    integer(c_int) :: ignored
    logical :: done
    call MPI_Ibarrier(MPI_COMM_WORLD, request, ierr)
    do
      call MPI_Test(request, done, MPI_STATUS_IGNORE, ierr)
      if (done) exit
      ignored = usleep(2000_c_int)
    end do
  end subroutine wait_for_all

  subroutine do_command()
    character(len=icegen_state_length) :: state
    real(real64) :: level
    integer :: file
    select case (words(1))
    case ('open')
      targets = [points_t ::]
      call ice%open(comm, trim(words(2)), ierr, errmsg)
    case ('target', 'blocks')
      call add_target(trim(words(2)), trim(words(3)), in_blocks=words(1) == 'blocks')
    case ('request')
      call ice%request(number(4), number(5), number(6), ierr, errmsg, slot=number(2), first_member=number(3))
    case ('give')
      call give(trim(words(2)), trim(words(3)), trim(words(4)))
    case ('perturb')
      read (words(5), *) level
      call ice%perturb(number(4), level, number(6), number(7), ierr, errmsg, slot=number(2), first_member=number(3))
    case ('observe')
      call observe(trim(words(2)), trim(words(3)), trim(words(4)))
    case ('analyse')
      call ice%analyse(number(4), number(5), number(6), ierr, errmsg, slot=number(2), first_member=number(3))
    case ('receive')
      call receive(number(2), trim(words(3)), trim(words(4)), number(5))
    case ('get_state')
      call ice%get_state(state, ierr, errmsg)
      if (rank == 0) then
        open (newunit=file, file=trim(words(2)), status='replace')
        write (file, '(a)') trim(state)
        close (file)
      end if
    case ('set_state')
      open (newunit=file, file=trim(words(2)), status='old', action='read')
      read (file, '(a)') state
      close (file)
      call ice%set_state(trim(state), ierr, errmsg)
    case ('close')
      call ice%close(ierr, errmsg)
    case default
      ierr = 1
      errmsg = 'is no command'
    end select
    if (ierr == 0) return
    if (rank == 0) print '(3a)', trim(line), ': ', trim(errmsg)
    call MPI_Abort(MPI_COMM_WORLD, 1, ierr)
  end subroutine do_command

  subroutine add_target(name, path, in_blocks)
    character(len=*), intent(in) :: name, path
    logical, intent(in) :: in_blocks
    integer, parameter :: halo = 3
    real(real64), allocatable :: points(:, :)
    type(points_t) :: new
    integer(int64) :: bytes
    integer :: file, ranks, first, last, i
    inquire (file=path, size=bytes)
    new%name = name
    new%n = int(bytes/16)
    allocate (points(2, new%n))
    open (newunit=file, file=path, access='stream', form='unformatted', status='old', action='read')
    read (file) points
    close (file)
    call MPI_Comm_size(comm, ranks, ierr)
    if (in_blocks) then
      first = rank*new%n/ranks + 1
      last = (rank + 1)*new%n/ranks
      new%mine = [(i, i=max(first - halo, 1), min(last + halo, new%n))]
      new%own = new%mine >= first .and. new%mine <= last
    else
      new%mine = [(i, i=rank + 1, new%n, ranks)]
      new%own = new%mine > 0
    end if
    targets = [targets, new]
    call ice%add_target(name, points(1, new%mine), points(2, new%mine), ierr, errmsg)
  end subroutine add_target

  !> The number of a target in the list.
  integer function target_named(name)
    character(len=*), intent(in) :: name
    do target_named = 1, size(targets)
      if (targets(target_named)%name == name) exit
    end do
  end function target_named

  subroutine give(name, variable, path)
    character(len=*), intent(in) :: name, variable, path
    real(real64), allocatable :: values(:), mine(:)
    logical, allocatable :: valid(:)
    integer :: file
    associate (target => targets(target_named(name)))
      allocate (values(target%n))
      open (newunit=file, file=path, access='stream', form='unformatted', status='old', action='read')
      read (file) values
      close (file)
      mine = values(target%mine)
      valid = target%own .and. .not. ieee_is_nan(mine)
      where (.not. valid) mine = huge(1.0_real64)
      call ice%give(name, variable, mine, ierr, errmsg, valid)
    end associate
  end subroutine give

  subroutine observe(name, variable, path)
    character(len=*), intent(in) :: name, variable, path
    real(real64), allocatable :: values(:, :), mine(:, :)
    logical, allocatable :: valid(:)
    integer :: file
    associate (target => targets(target_named(name)))
      allocate (values(2, target%n))
      open (newunit=file, file=path, access='stream', form='unformatted', status='old', action='read')
      read (file) values
      close (file)
      allocate (mine(2, size(target%mine)))
      mine = values(:, target%mine)
      valid = target%own .and. .not. ieee_is_nan(mine(1, :))
      where (.not. valid) mine(1, :) = huge(1.0_real64)
      call ice%observe(name, variable, mine(1, :), mine(2, :), ierr, errmsg, valid)
    end associate
  end subroutine observe

  subroutine receive(slot, name, variable, member)
    integer, intent(in) :: slot, member
    character(len=*), intent(in) :: name, variable
    real(real32), allocatable :: values(:), field(:), whole(:)
    logical, allocatable :: valid(:)
    integer :: ignored
    associate (target => targets(target_named(name)))
      allocate (values(size(target%mine)), valid(size(target%mine)), field(target%n), whole(target%n))
      values = -1
      call ice%receive(name, variable, member, values, valid, ierr, errmsg, slot=slot)
      field = 0
      field(pack(target%mine, target%own)) = pack(values, target%own)
      call MPI_Reduce(field, whole, target%n, MPI_REAL, MPI_SUM, 0, comm, ignored)
    end associate
    if (rank == 0) write (out_unit) whole
  end subroutine receive

end program script_host
