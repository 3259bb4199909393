! SPDX-License-Identifier: MIT
!> Signalling NaNs among the coordinates, as -finit-real=snan leaves them, in a host that traps invalid operations: an
!> error, in either precision, and the host goes on. signalling FOLDER BACKEND, a folder made by tests/tiny.py.
program signalling
  use, intrinsic :: ieee_exceptions, only: ieee_invalid, ieee_set_halting_mode
  use, intrinsic :: iso_fortran_env, only: int32, int64, real32, real64
  use fault_host, only: check, host_begin, host_end, namelist, world
  use icegen, only: icegen_emulator
  implicit none
  external :: icegen_open, icegen_add_target_by_r4, icegen_close, icegen_message
  type(icegen_emulator) :: ice
  real(real32) :: lon4(3), nan4
  real(real64) :: lon8(3)
  integer :: ierr, handle
  character(len=512) :: message

  call host_begin('signalling')
  call ice%open(world, trim(namelist), ierr, message)
  call check(ierr == 0, 'open: '//message)
  call icegen_open(world, trim(namelist), handle, ierr)
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
  call host_end()
end program signalling
