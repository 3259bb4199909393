! SPDX-License-Identifier: MIT
!> The first rank has as many emulators as there are handles: the next is refused on all ranks, and opens once one is
!> closed; a copy of a closed handle is refused. handles FOLDER BACKEND, a folder made by tests/tiny.py.
program handles
#ifdef ICEGEN_TEST_MPI
  use mpi
#endif
  implicit none
  external :: icegen_open, icegen_close, icegen_message, icegen_request
  integer, parameter :: most = 64
  integer :: handle(most), another, copy, ierr, i, rank, ranks, world, alone, unit
  character(len=512) :: folder, backend, message
  character(len=600) :: path

  call get_command_argument(1, folder)
  call get_command_argument(2, backend)
  rank = 0
  ranks = 1
  world = 0
  alone = 0
#ifdef ICEGEN_TEST_MPI
  call MPI_Init(ierr)
  world = MPI_COMM_WORLD
  alone = MPI_COMM_SELF
  call MPI_Comm_rank(world, rank, ierr)
  call MPI_Comm_size(world, ranks, ierr)
#endif
  write (path, '(2a,i0,a)') trim(folder), '/handles_', ranks, '.nml'
  if (rank == 0) then
    open (newunit=unit, file=trim(path), status='replace', action='write')
    write (unit, '(5a)') "&icegen_nml archive = '", trim(folder), "/tiny.pt', backend = '", trim(backend), "' /"
    close (unit)
    do i = 1, most
      call icegen_open(alone, trim(path), handle(i), ierr)
      call icegen_message(handle(i), message)
      call check(ierr == 0, 'open: '//message)
    end do
  end if
  call icegen_open(world, trim(path), another, ierr)
  call icegen_message(0, message)
  call check(ierr == 1 .and. another == 0, 'one more')
  if (ranks == 1) call check(message == 'too many emulators are open; close one first', message)
  if (ranks > 1) call check(message == 'on rank 0: the emulator is open already; close it first', message)
  if (rank == 0) call icegen_close(handle(most/2), ierr)
  call icegen_open(world, trim(path), another, ierr)
  call check(ierr == 0 .and. another > 0, 'once one is closed')
  copy = another
  call icegen_close(another, ierr)
  call icegen_open(world, trim(path), another, ierr)
  call check(ierr == 0 .and. another /= copy, 'a handle never comes back')
  call icegen_request(copy, 1, 2001, 20, ierr)
  call icegen_message(0, message)
  call check(ierr == 1 .and. index(message, 'the emulator is not open') == 1, 'request of a stale copy')
  call icegen_close(copy, ierr)
  call icegen_request(another, 1, 2001, 20, ierr)
  call check(ierr == 0, 'after a stale copy is closed')
  call icegen_close(another, ierr)
  do i = 1, most
    if (rank == 0 .and. i /= most/2) call icegen_close(handle(i), ierr)
  end do
#ifdef ICEGEN_TEST_MPI
  call MPI_Finalize(ierr)
#endif

contains

  subroutine check(fine, what)
    logical, intent(in) :: fine
    character(len=*), intent(in) :: what
    if (fine) return
    print '(a,i0,2a)', 'FAILED on rank ', rank, ': ', trim(what)
    error stop 1
  end subroutine check

end program handles
