! SPDX-License-Identifier: MIT
!> A host that ends without closing its emulator, while a sample is generated: endings NAMELIST HOW.
!>
!> HOW is `return`, from the main program, after MPI_Finalize; `stop`, with status 3 and without it; or `late`: the
!> emulator is used, and closed, after MPI_Finalize.
program endings
#ifdef ICEGEN_TEST_MPI
  use mpi
#endif
  use icegen, only: icegen_emulator
  implicit none
  type(icegen_emulator) :: ice
  character(len=512) :: namelist, how, errmsg
  integer :: ierr, world

  call get_command_argument(1, namelist)
  call get_command_argument(2, how)
  world = 0
#ifdef ICEGEN_TEST_MPI
  call MPI_Init(ierr)
  world = MPI_COMM_WORLD
#endif
  call ice%open(world, trim(namelist), ierr, errmsg)
  if (ierr == 0) call ice%request(100, 2001, 15, ierr, errmsg)
  if (ierr /= 0) then
    print '(a)', trim(errmsg)
    stop 1, quiet=.true.
  end if
  if (how == 'stop') stop 3, quiet=.true.
#ifdef ICEGEN_TEST_MPI
  call MPI_Finalize(ierr)
#endif
  if (how == 'late') then
    call ice%request(1, 2001, 20, ierr, errmsg)
    print '(i0,2a)', ierr, ' ', trim(errmsg)
    call ice%close(ierr, errmsg)
    print '(i0,2a)', ierr, ' ', trim(errmsg)
  end if
end program endings
