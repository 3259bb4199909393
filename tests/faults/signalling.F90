! SPDX-License-Identifier: MIT
!> Signalling NaNs among the coordinates, as -finit-real=snan leaves them, in a host that traps invalid operations: an
!> error, in either precision, and the host goes on. signalling FOLDER BACKEND, a folder made by tests/tiny.py.
program signalling
  use, intrinsic :: ieee_exceptions, only: ieee_invalid, ieee_set_halting_mode
  use, intrinsic :: iso_fortran_env, only: int32, int64, real32, real64
  use icegen, only: icegen_emulator
#ifdef ICEGEN_TEST_MPI
  use mpi
#endif
  implicit none
  external :: icegen_open, icegen_add_target_by_r4, icegen_close, icegen_message
  type(icegen_emulator) :: ice
  real(real32) :: lon4(3), nan4
  real(real64) :: lon8(3)
  integer :: ierr, world, unit, handle
  character(len=512) :: folder, backend, message
  character(len=600) :: path

  call get_command_argument(1, folder)
  call get_command_argument(2, backend)
  world = 0
#ifdef ICEGEN_TEST_MPI
  call MPI_Init(ierr)
  world = MPI_COMM_WORLD
#endif
  path = trim(folder)//'/signalling.nml'
  open (newunit=unit, file=trim(path), status='replace', action='write')
  write (unit, '(5a)') "&icegen_nml archive = '", trim(folder), "/tiny.pt', backend = '", trim(backend), "' /"
  close (unit)

  call ice%open(world, trim(path), ierr, message)
  call check(ierr == 0, 'open: '//message)
  call icegen_open(world, trim(path), handle, ierr)
  call check(ierr == 0, 'open without the module')
  nan4 = transfer(int(z'7fa00000', int32), nan4)
  lon4(:) = transfer([0_int32, int(z'7fa00000', int32), 0_int32], lon4)
  lon8(:) = transfer([0_int64, int(z'7ff4000000000000', int64), 0_int64], lon8)

  call ieee_set_halting_mode(ieee_invalid, .true.)
  call ice%add_target('double', lon8, [89.0_real64, 88.0_real64, 87.0_real64], ierr, message)
  call check(ierr == 1 .and. index(message, 'lon of point 2 is nan') > 0, 'double precision: '//message)
  call ice%add_target('single', lon4, [89.0, 88.0, 87.0], ierr, message)
  call check(ierr == 1 .and. index(message, 'lon of point 2 is nan') > 0, 'single precision: '//message)
  call ice%add_target('sections', lon4(3:1:-1), [89.0, 88.0, 87.0], ierr, message)
  call check(ierr == 1 .and. index(message, 'lon of point 2 is nan') > 0, 'sections of arrays: '//message)
  call icegen_add_target_by_r4(handle, 'distance', 1, [0.0], [89.0], 'degrees', 'nearest', nan4, ierr)
  call icegen_message(handle, message)
  call check(ierr == 1 .and. index(message, 'distance is nan') > 0, 'a distance: '//message)
  call ieee_set_halting_mode(ieee_invalid, .false.)

  call icegen_close(handle, ierr)
  call ice%close(ierr)
#ifdef ICEGEN_TEST_MPI
  call MPI_Finalize(ierr)
#endif

contains

  subroutine check(fine, what)
    logical, intent(in) :: fine
    character(len=*), intent(in) :: what
    if (fine) return
    print '(2a)', 'FAILED: ', trim(what)
    error stop 1
  end subroutine check

end program signalling
