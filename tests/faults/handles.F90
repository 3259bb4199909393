! SPDX-License-Identifier: MIT
!> The first rank has as many emulators as there are handles: the next is refused on all ranks, and opens once one is
!> closed; a copy of a closed handle is refused. handles FOLDER BACKEND, a folder made by tests/tiny.py.
program handles
  use fault_host, only: alone, check, host_begin, host_end, namelist, rank, ranks, world
  implicit none
  external :: icegen_open, icegen_close, icegen_message, icegen_request
  integer, parameter :: most = 64
  integer :: handle(most), another, copy, ierr, i
  character(len=512) :: message

  call host_begin('handles')
  if (rank == 0) then
    do i = 1, most
      call icegen_open(alone, trim(namelist), handle(i), ierr)
      call icegen_message(handle(i), message)
      call check(ierr == 0, 'open: '//message)
    end do
  end if
  call icegen_open(world, trim(namelist), another, ierr)
  call icegen_message(0, message)
  call check(ierr == 1 .and. another == 0, 'one more')
  if (ranks == 1) call check(message == 'too many emulators are open; close one first', message)
  if (ranks > 1) call check(message == 'on rank 0: the emulator is open already; close it first', message)
  if (rank == 0) call icegen_close(handle(most/2), ierr)
  call icegen_open(world, trim(namelist), another, ierr)
  call check(ierr == 0 .and. another > 0, 'once one is closed')
  copy = another
  call icegen_close(another, ierr)
  call icegen_open(world, trim(namelist), another, ierr)
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
  call host_end()
end program handles
