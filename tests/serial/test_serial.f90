! SPDX-License-Identifier: MIT
!> The module icegen and the external procedures in a build without MPI: any integer serves as communicator.
!>
!> test_serial FOLDER BACKEND: a folder made by tests/tiny.py, in which this program may write, and the library of
!> tests/capi/fault_backend.c.
program test_serial
  use, intrinsic :: iso_fortran_env, only: error_unit, real64
  use icegen, only: icegen_emulator
  implicit none
  external :: icegen_open, icegen_add_target, icegen_request, icegen_receive, icegen_close
  !> two in the Arctic, one far from it
  integer, parameter :: n = 3
  real(real64), parameter :: lon(n) = [0.0_real64, 200.0_real64, 0.0_real64], &
    lat(n) = [90.0_real64, 85.0_real64, -60.0_real64]
  type(icegen_emulator) :: ice
  character(len=512) :: folder, backend, errmsg
  real(real64) :: field(n), again(n), free(n), nothing(0)
  logical :: valid(n), none(0)
  integer :: handle, ierr, failures

  call get_command_argument(1, folder)
  call get_command_argument(2, backend)
  failures = 0

  call ice%open(-77, trim(folder)//'/nowhere.nml', ierr, errmsg)
  call check(ierr == 2 .and. index(errmsg, 'nowhere.nml') > 0, 'missing namelist: '//trim(errmsg))
  call write_namelist("archive = '"//trim(folder)//"/tiny.pt', seed = 7, generators = 3")

  call ice%open(12345, trim(folder)//'/serial.nml', ierr, errmsg)
  call check(ierr == 0, 'open: '//trim(errmsg))
  call ice%add_target('T', lon, lat, ierr, errmsg)
  call check(ierr == 0, 'add_target: '//trim(errmsg))
  call ice%add_target('none', nothing, nothing, ierr, errmsg)
  call check(ierr == 0, 'a target without points: '//trim(errmsg))
  call ice%add_target('far', [1.0e4_real64], [0.0_real64], ierr, errmsg)
  call check(ierr == 1 .and. index(errmsg, 'lon of point 1') > 0, 'refusal: '//trim(errmsg))
  call ice%request(2, 2001, 75, ierr, errmsg)
  call check(ierr == 0, 'request: '//trim(errmsg))
  field = -1
  call ice%receive('T', 'sic', 2, field, valid, ierr, errmsg)
  call check(ierr == 0, 'receive: '//trim(errmsg))
  call check(all(valid .eqv. [.true., .true., .false.]), 'validity')
  call check(all(field(:2) >= 0 .and. field(:2) <= 1) .and. field(3) < 0, 'values')
  call ice%receive('none', 'sic', 2, nothing, none, ierr, errmsg)
  call check(ierr == 0, 'receive nothing: '//trim(errmsg))
  call ice%give('T', 'sic', [0.75_real64, 0.75_real64, 9.0_real64], ierr, errmsg, valid)
  call check(ierr == 0, 'give: '//trim(errmsg))
  call ice%perturb(1, 0.0_real64, 2001, 75, ierr, errmsg, slot=2)
  call check(ierr == 0, 'perturb: '//trim(errmsg))
  call ice%receive('T', 'sic', 1, again, valid, ierr, errmsg, slot=2)
  call check(all(abs(again(:2) - 0.75_real64) < 1e-6_real64), 'level 0 gives the given ice: '//trim(errmsg))
  call ice%observe('T', 'sit', [0.25_real64, 0.25_real64, 9.0_real64], spread(0.05_real64, 1, n), ierr, errmsg, valid)
  call check(ierr == 0, 'observe: '//trim(errmsg))
  call ice%analyse(1, 2001, 75, ierr, errmsg, slot=2, first_member=2)
  call check(ierr == 0, 'analyse: '//trim(errmsg))
  call ice%receive('T', 'sit', 2, again, valid, ierr, errmsg, slot=2)
  call check(ierr == 0, 'receive an analysis: '//trim(errmsg))
  call ice%receive('T', 'sit', 2, free, valid, ierr, errmsg)
  call check(sum(abs(again(:2) - 0.25_real64)) < sum(abs(free(:2) - 0.25_real64)), 'nearer to what was observed')
  call ice%perturb(1, 0.3_real64, 2001, 75, ierr, errmsg)
  call check(ierr == 1 .and. index(errmsg, 'no field was given') > 0, 'perturb again: '//trim(errmsg))
  call ice%remove_target('none', ierr, errmsg)
  call check(ierr == 0, 'remove_target: '//trim(errmsg))
  call ice%receive('none', 'sic', 2, nothing, none, ierr, errmsg)
  call check(ierr == 1 .and. index(errmsg, 'unknown target') > 0, 'a target that was removed: '//trim(errmsg))
  call ice%close(ierr, errmsg)
  call check(ierr == 0, 'close: '//trim(errmsg))

  again = -1
  call icegen_open(0, trim(folder)//'/serial.nml', handle, ierr)
  call check(ierr == 0, 'icegen_open')
  call icegen_add_target(handle, 'T', n, lon, lat, ierr)
  call icegen_request(handle, 2, 2001, 75, ierr)
  call icegen_receive(handle, 'T', 'sic', 2, n, again, valid, ierr)
  call check(ierr == 0 .and. .not. any(abs(again - field) > 0), 'the external procedures give the same field')
  call icegen_close(handle, ierr)

  call write_namelist("archive = '"//trim(folder)//"/tiny.pt', backend = '"//trim(backend)//"'")
  call ice%open(0, trim(folder)//'/serial.nml', ierr, errmsg)
  call ice%add_target('T', lon, lat, ierr, errmsg)
  call ice%request(1, 2001, 13, ierr, errmsg)
  call ice%receive('T', 'sic', 1, field, valid, ierr, errmsg)
  call check(ierr == 4 .and. index(errmsg, 'no ice on the 13th') > 0, 'a backend that fails: '//trim(errmsg))
  call ice%close()
  if (failures > 0) stop 1, quiet=.true.

contains

  subroutine write_namelist(entries)
    character(len=*), intent(in) :: entries
    integer :: unit
    open (newunit=unit, file=trim(folder)//'/serial.nml', status='replace', action='write')
    write (unit, '(3a)') '&icegen_nml ', entries, ' /'
    close (unit)
  end subroutine write_namelist

  subroutine check(fine, what)
    logical, intent(in) :: fine
    character(len=*), intent(in) :: what
    if (fine) return
    failures = failures + 1
    write (error_unit, '(2a)') 'FAILED: ', what
  end subroutine check

end program test_serial
