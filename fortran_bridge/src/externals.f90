! SPDX-License-Identifier: MIT
! External procedures for hosts in fixed form, to be called without an explicit interface: no optional arguments, no
! assumed shapes, no derived types. The emulator is an integer handle from 1; IERR and messages are as in the module.
! All but ICEGEN_MESSAGE, ICEGEN_GET_PLACEMENT and ICEGEN_FILL_CATEGORIES are collective.

!> The emulators behind the handles.
module icegen_handles
  use icegen, only: icegen_emulator
  implicit none
  private
  public :: place_of, free_place, new_handle, free_handle, keep, emulators, message_length, most, unless_negative

  integer, parameter :: most = 64, message_length = 512

  type :: entry_type
    integer :: handle = 0  !> 0: it is free
    type(icegen_emulator) :: emulator
    character(len=message_length) :: message = ''
  end type entry_type

  !> Place 0 is never open. It keeps the messages of calls with a wrong handle.
  type(entry_type), target, save :: emulators(0:most)
  !> The newest handle. No number is used twice, so that a closed handle is always refused.
  integer, save :: latest = 0

contains

  !> The place of a handle, 0 if it is not open.
  integer function place_of(handle)
    integer, intent(in) :: handle
    do place_of = most, 1, -1
      if (emulators(place_of)%handle == handle) exit
    end do
    if (handle < 1) place_of = 0
  end function place_of

  !> A free place, 0 if all are in use.
  integer function free_place()
    do free_place = most, 1, -1
      if (emulators(free_place)%handle == 0) exit
    end do
  end function free_place

  !> Give the emulator in a place its handle.
  integer function new_handle(place)
    integer, intent(in) :: place
    latest = latest + 1
    new_handle = latest
    emulators(place)%handle = new_handle
  end function new_handle

  subroutine free_handle(place)
    integer, intent(in) :: place
    emulators(place)%handle = 0
  end subroutine free_handle

  !> n, or 1 if n is negative: the arrays then have unequal sizes, which is refused on all ranks.
  pure integer function unless_negative(n)
    integer, intent(in) :: n
    unless_negative = merge(n, 1, n >= 0)
  end function unless_negative

  !> Keep a message for ICEGEN_MESSAGE, which finds it with the handle and with 0.
  subroutine keep(at, message)
    integer, intent(in) :: at
    character(len=*), intent(in) :: message
    emulators(at)%message = message
    emulators(0)%message = message
  end subroutine keep

end module icegen_handles

!> CALL ICEGEN_OPEN(COMM, NMLFILE, IH, IERR): COMM an MPI communicator, NMLFILE the path of the file with &icegen_nml;
!> IH receives the handle, or 0 on failure.
subroutine icegen_open(comm, nmlfile, ih, ierr)
  use icegen_handles, only: free_place, new_handle, keep, message_length, most, emulators
  implicit none
  integer, intent(in) :: comm
  character(len=*), intent(in) :: nmlfile
  integer, intent(out) :: ih, ierr
  character(len=message_length) :: message
  integer :: at

  ih = 0
  at = free_place()
  if (at == 0) then
    ! Open an emulator that is open: this is refused on all ranks, also on those that have a free place.
    call emulators(most)%emulator%open(comm, nmlfile, ierr, message)
    if (index(message, 'the emulator is open') == 1) message = 'too many emulators are open; close one first'
  else
    call emulators(at)%emulator%open(comm, nmlfile, ierr, message)
    if (ierr == 0) ih = new_handle(at)
  end if
  call keep(at, message)
end subroutine icegen_open

!> CALL ICEGEN_ADD_TARGET(IH, NAME, N, LON, LAT, IERR): REAL*8 LON(N), LAT(N) in degrees; N may be 0.
subroutine icegen_add_target(ih, name, n, lon, lat, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: name
  real(real64), intent(in) :: lon(*), lat(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%add_target(name, lon(:n), lat(:unless_negative(n)), ierr, message)
  call keep(at, message)
end subroutine icegen_add_target

!> CALL ICEGEN_ADD_TARGET_R4(...): as ICEGEN_ADD_TARGET, with REAL*4 LON(N), LAT(N).
subroutine icegen_add_target_r4(ih, name, n, lon, lat, ierr)
  use, intrinsic :: iso_fortran_env, only: real32
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: name
  real(real32), intent(in) :: lon(*), lat(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%add_target(name, lon(:n), lat(:unless_negative(n)), ierr, message)
  call keep(at, message)
end subroutine icegen_add_target_r4

!> CALL ICEGEN_ADD_TARGET_BY(IH, NAME, N, LON, LAT, UNITS, METHOD, DISTANCE, IERR): UNITS 'degrees' or 'radians',
!> METHOD 'bilinear' or 'nearest'. A point that is not valid takes the nearest ocean cell within REAL*8 DISTANCE, in km.
subroutine icegen_add_target_by(ih, name, n, lon, lat, units, method, distance, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: name, units, method
  real(real64), intent(in) :: lon(*), lat(*), distance
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%add_target(name, lon(:n), lat(:unless_negative(n)), ierr, message, units, method, &
    distance)
  call keep(at, message)
end subroutine icegen_add_target_by

!> CALL ICEGEN_ADD_TARGET_WEIGHTS(IH, NAME, N, LON, LAT, UNITS, FILE, CELLS, IERR): FILE is the path of weights in the
!> SCRIP convention. INTEGER CELLS(N) is the number of each point among the file's target cells, from 1, or 0 for none.
subroutine icegen_add_target_weights(ih, name, n, lon, lat, units, file, cells, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: name, units, file
  real(real64), intent(in) :: lon(*), lat(*)
  integer, intent(in) :: cells(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%add_target(name, lon(:n), lat(:unless_negative(n)), ierr, message, units, &
    weights=file, cells=cells(:n))
  call keep(at, message)
end subroutine icegen_add_target_weights

!> CALL ICEGEN_ADD_TARGET_BY_R4(...): as ICEGEN_ADD_TARGET_BY, with REAL*4 in place of REAL*8.
subroutine icegen_add_target_by_r4(ih, name, n, lon, lat, units, method, distance, ierr)
  use, intrinsic :: iso_c_binding, only: c_double, c_float
  use, intrinsic :: iso_fortran_env, only: real32
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: name, units, method
  real(real32), intent(in) :: lon(*), lat(*), distance
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  interface
    function widened(value) bind(c, name='icegen_fortran_widened')
      import :: c_double, c_float
      real(c_float), value :: value
      real(c_double) :: widened
    end function widened
  end interface

  at = place_of(ih)
  call emulators(at)%emulator%add_target(name, lon(:n), lat(:unless_negative(n)), ierr, message, units, method, &
    widened(distance))
  call keep(at, message)
end subroutine icegen_add_target_by_r4

!> CALL ICEGEN_ADD_TARGET_WEIGHTS_R4(...): as ICEGEN_ADD_TARGET_WEIGHTS, with REAL*4 in place of REAL*8.
subroutine icegen_add_target_weights_r4(ih, name, n, lon, lat, units, file, cells, ierr)
  use, intrinsic :: iso_fortran_env, only: real32
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: name, units, file
  real(real32), intent(in) :: lon(*), lat(*)
  integer, intent(in) :: cells(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%add_target(name, lon(:n), lat(:unless_negative(n)), ierr, message, units, &
    weights=file, cells=cells(:n))
  call keep(at, message)
end subroutine icegen_add_target_weights_r4

!> CALL ICEGEN_REMOVE_TARGET(IH, NAME, IERR): removes a target and frees its memory.
subroutine icegen_remove_target(ih, name, ierr)
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih
  character(len=*), intent(in) :: name
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%remove_target(name, ierr, message)
  call keep(at, message)
end subroutine icegen_remove_target

!> CALL ICEGEN_REQUEST(IH, MEMBERS, YEAR, DAY, IERR): members 1 to MEMBERS in slot 1; DAY of the year from 1.
subroutine icegen_request(ih, members, year, day, ierr)
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih, members, year, day
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%request(members, year, day, ierr, message)
  call keep(at, message)
end subroutine icegen_request

!> CALL ICEGEN_REQUEST_SLOT(IH, SLOT, FIRST, MEMBERS, YEAR, DAY, IERR): MEMBERS members, numbered from FIRST, in
!> SLOT, a number from 1. The request replaces the previous one of SLOT.
subroutine icegen_request_slot(ih, slot, first, members, year, day, ierr)
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih, slot, first, members, year, day
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%request(members, year, day, ierr, message, slot, first)
  call keep(at, message)
end subroutine icegen_request_slot

!> CALL ICEGEN_GIVE(IH, TARGET, VARIABLE, N, VALUES, VALID, IERR): the host's own ice for ICEGEN_PERTURB. REAL*8 VALUES(N)
!> is taken where LOGICAL VALID(N) is true. All ranks together give each point once.
subroutine icegen_give(ih, target, variable, n, values, valid, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: target, variable
  real(real64), intent(in) :: values(*)
  logical, intent(in) :: valid(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%give(target, variable, values(:n), ierr, message, valid(:unless_negative(n)))
  call keep(at, message)
end subroutine icegen_give

!> CALL ICEGEN_GIVE_R4(...): as ICEGEN_GIVE, with REAL*4 VALUES(N).
subroutine icegen_give_r4(ih, target, variable, n, values, valid, ierr)
  use, intrinsic :: iso_fortran_env, only: real32
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: target, variable
  real(real32), intent(in) :: values(*)
  logical, intent(in) :: valid(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%give(target, variable, values(:n), ierr, message, valid(:unless_negative(n)))
  call keep(at, message)
end subroutine icegen_give_r4

!> CALL ICEGEN_PERTURB(IH, SLOT, FIRST, MEMBERS, LEVEL, YEAR, DAY, IERR): as ICEGEN_REQUEST_SLOT, near the ice that was
!> given since the last perturbation. REAL*8 LEVEL is 0 (the given ice) to 1. Received with a name such as
!> 'sic_increment', a field is the difference to the given ice.
subroutine icegen_perturb(ih, slot, first, members, level, year, day, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih, slot, first, members, year, day
  real(real64), intent(in) :: level
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%perturb(members, level, year, day, ierr, message, slot, first)
  call keep(at, message)
end subroutine icegen_perturb

!> CALL ICEGEN_OBSERVE(IH, TARGET, VARIABLE, N, VALUES, ERRORS, VALID, IERR): observations for ICEGEN_ANALYSE. REAL*8
!> VALUES(N), whose errors have the standard deviations REAL*8 ERRORS(N), are taken where LOGICAL VALID(N) is true. All
!> ranks together pass each observation once. Calls add to what was observed since the last analysis.
subroutine icegen_observe(ih, target, variable, n, values, errors, valid, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: target, variable
  real(real64), intent(in) :: values(*), errors(*)
  logical, intent(in) :: valid(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%observe(target, variable, values(:n), errors(:n), ierr, message, &
    valid(:unless_negative(n)))
  call keep(at, message)
end subroutine icegen_observe

!> CALL ICEGEN_OBSERVE_R4(...): as ICEGEN_OBSERVE, with REAL*4 VALUES(N) and ERRORS(N).
subroutine icegen_observe_r4(ih, target, variable, n, values, errors, valid, ierr)
  use, intrinsic :: iso_fortran_env, only: real32
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, n
  character(len=*), intent(in) :: target, variable
  real(real32), intent(in) :: values(*), errors(*)
  logical, intent(in) :: valid(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%observe(target, variable, values(:n), errors(:n), ierr, message, &
    valid(:unless_negative(n)))
  call keep(at, message)
end subroutine icegen_observe_r4

!> CALL ICEGEN_ANALYSE(IH, SLOT, FIRST, MEMBERS, YEAR, DAY, IERR): as ICEGEN_REQUEST_SLOT, for members that agree with what
!> was observed since the last analysis.
subroutine icegen_analyse(ih, slot, first, members, year, day, ierr)
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih, slot, first, members, year, day
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%analyse(members, year, day, ierr, message, slot, first)
  call keep(at, message)
end subroutine icegen_analyse

!> CALL ICEGEN_TEST(IH, SLOT, READY, IERR): LOGICAL READY says whether the request in SLOT is complete. It is the same on
!> all ranks.
subroutine icegen_test(ih, slot, ready, ierr)
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih, slot
  logical, intent(out) :: ready
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%test(ready, ierr, message, slot)
  call keep(at, message)
end subroutine icegen_test

!> CALL ICEGEN_RECEIVE(IH, TARGET, VARIABLE, MEMBER, N, VALUES, VALID, IERR): from slot 1. REAL*8 VALUES(N) is written
!> where LOGICAL VALID(N) is true. Elsewhere it does not change, or becomes the namelist's fill_value.
subroutine icegen_receive(ih, target, variable, member, n, values, valid, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, member, n
  character(len=*), intent(in) :: target, variable
  real(real64), intent(inout) :: values(*)
  logical, intent(inout) :: valid(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%receive(target, variable, member, values(:n), valid(:unless_negative(n)), ierr, message)
  call keep(at, message)
end subroutine icegen_receive

!> CALL ICEGEN_RECEIVE_R4(...): as ICEGEN_RECEIVE, with REAL*4 VALUES(N).
subroutine icegen_receive_r4(ih, target, variable, member, n, values, valid, ierr)
  use, intrinsic :: iso_fortran_env, only: real32
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, member, n
  character(len=*), intent(in) :: target, variable
  real(real32), intent(inout) :: values(*)
  logical, intent(inout) :: valid(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%receive(target, variable, member, values(:n), valid(:unless_negative(n)), ierr, message)
  call keep(at, message)
end subroutine icegen_receive_r4

!> CALL ICEGEN_RECEIVE_SLOT(IH, SLOT, TARGET, VARIABLE, MEMBER, N, VALUES, VALID, IERR): as ICEGEN_RECEIVE, from SLOT.
subroutine icegen_receive_slot(ih, slot, target, variable, member, n, values, valid, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, slot, member, n
  character(len=*), intent(in) :: target, variable
  real(real64), intent(inout) :: values(*)
  logical, intent(inout) :: valid(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%receive(target, variable, member, values(:n), valid(:unless_negative(n)), ierr, message, &
    slot)
  call keep(at, message)
end subroutine icegen_receive_slot

!> CALL ICEGEN_RECEIVE_SLOT_R4(...): as ICEGEN_RECEIVE_SLOT, with REAL*4 VALUES(N).
subroutine icegen_receive_slot_r4(ih, slot, target, variable, member, n, values, valid, ierr)
  use, intrinsic :: iso_fortran_env, only: real32
  use icegen_handles, only: place_of, keep, message_length, emulators, unless_negative
  implicit none
  integer, intent(in) :: ih, slot, member, n
  character(len=*), intent(in) :: target, variable
  real(real32), intent(inout) :: values(*)
  logical, intent(inout) :: valid(*)
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%receive(target, variable, member, values(:n), valid(:unless_negative(n)), ierr, message, &
    slot)
  call keep(at, message)
end subroutine icegen_receive_slot_r4

!> CALL ICEGEN_GET_STATE(IH, STATE, IERR): a text for restart files; CHARACTER*256 STATE suffices.
subroutine icegen_get_state(ih, state, ierr)
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih
  character(len=*), intent(inout) :: state
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%get_state(state, ierr, message)
  call keep(at, message)
end subroutine icegen_get_state

!> CALL ICEGEN_SET_STATE(IH, STATE, IERR): take what samples are made with from such a text; one of another archive is
!> refused.
subroutine icegen_set_state(ih, state, ierr)
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih
  character(len=*), intent(in) :: state
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%set_state(state, ierr, message)
  call keep(at, message)
end subroutine icegen_set_state

!> CALL ICEGEN_GET_PLACEMENT(IH, TEXT, IERR): CHARACTER TEXT says whether this rank generates, and on which CPUs. Not
!> collective.
subroutine icegen_get_placement(ih, text, ierr)
  use icegen_handles, only: place_of, keep, message_length, emulators
  implicit none
  integer, intent(in) :: ih
  character(len=*), intent(inout) :: text
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%get_placement(text, ierr, message)
  call keep(at, message)
end subroutine icegen_get_placement

!> CALL ICEGEN_FILL_CATEGORIES(N, AREA, VOLUME, NCAT, BOUNDS, AICEN, VICEN, IERR): REAL*8 AREA(N), VOLUME(N) in m per
!> area of the cell, BOUNDS(0:NCAT) in m; fills AICEN(N, NCAT), VICEN(N, NCAT). Not collective.
subroutine icegen_fill_categories(n, area, volume, ncat, bounds, aicen, vicen, ierr)
  use, intrinsic :: iso_fortran_env, only: real64
  use icegen, only: fill => icegen_fill_categories
  use icegen_handles, only: keep, message_length
  implicit none
  integer, intent(in) :: n, ncat
  real(real64), intent(in) :: area(n), volume(n), bounds(0:ncat)
  real(real64), intent(inout) :: aicen(n, ncat), vicen(n, ncat)
  integer, intent(out) :: ierr
  character(len=message_length) :: message

  call fill(area, volume, bounds, aicen, vicen, ierr, message)
  if (ierr /= 0) call keep(0, message)  ! several threads of a host may make this call at once
end subroutine icegen_fill_categories

!> CALL ICEGEN_FILL_CATEGORIES_R4(...): as ICEGEN_FILL_CATEGORIES, with REAL*4 in place of REAL*8.
subroutine icegen_fill_categories_r4(n, area, volume, ncat, bounds, aicen, vicen, ierr)
  use, intrinsic :: iso_fortran_env, only: real32
  use icegen, only: fill => icegen_fill_categories
  use icegen_handles, only: keep, message_length
  implicit none
  integer, intent(in) :: n, ncat
  real(real32), intent(in) :: area(n), volume(n), bounds(0:ncat)
  real(real32), intent(inout) :: aicen(n, ncat), vicen(n, ncat)
  integer, intent(out) :: ierr
  character(len=message_length) :: message

  call fill(area, volume, bounds, aicen, vicen, ierr, message)
  if (ierr /= 0) call keep(0, message)  ! several threads of a host may make this call at once
end subroutine icegen_fill_categories_r4

!> CALL ICEGEN_CLOSE(IH, IERR): IH becomes 0. Closing 0 does nothing.
subroutine icegen_close(ih, ierr)
  use icegen_handles, only: place_of, free_handle, keep, message_length, emulators
  implicit none
  integer, intent(inout) :: ih
  integer, intent(out) :: ierr
  character(len=message_length) :: message
  integer :: at

  at = place_of(ih)
  call emulators(at)%emulator%close(ierr, message)
  call keep(at, message)
  if (ierr /= 0) return
  call free_handle(at)
  ih = 0
end subroutine icegen_close

!> CALL ICEGEN_MESSAGE(IH, TEXT): the message of the latest call with this handle. With IH = 0, that of the latest call
!> with any handle. It is blank if the call succeeded.
subroutine icegen_message(ih, text)
  use icegen_handles, only: place_of, emulators
  implicit none
  integer, intent(in) :: ih
  character(len=*), intent(inout) :: text

  text = emulators(place_of(ih))%message
end subroutine icegen_message
