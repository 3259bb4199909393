! SPDX-License-Identifier: MIT
!> The module icegen on any number of ranks: what works, what is refused, and that all ranks hear the same.
!>
!> test_emulator FOLDER BACKEND: a folder made by tests/tiny.py, in which this program may write, and the library of
!> tests/capi/fault_backend.c.
program test_emulator
  use, intrinsic :: ieee_arithmetic, only: ieee_quiet_nan, ieee_value
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use mpi
  use checks
  use icegen, only: icegen_emulator, icegen_state_length, icegen_version
  implicit none

  call begin_checks('emulator')
  call check(len(icegen_version()) >= 5, 'version')
  call test_open_refusals()
  call test_request_and_receive()
  call test_two_at_once()
  call test_failing_backend()
  call test_slots()
  call test_ensemble()
  call test_targets()
  call test_state()
  call end_checks()

contains

  !> One refusal of each kind; tests/bad_input has the others.
  subroutine test_open_refusals()
    type(icegen_emulator) :: ice

    call ice%open(MPI_COMM_WORLD, trim(folder)//'/nowhere.nml', ierr, errmsg)
    call expect(2, 'nowhere.nml', 'missing namelist')
    call refuse_open(tiny_archive()//', sede = 3', 2, 'sede')
    call refuse_open('archive = "nowhere.pt"', 3, 'cannot be read')
    call refuse_open(tiny_archive()//', device = "cuda"', 4, 'CUDA')
    call refuse_open(tiny_archive()//', device = "cuda:99"', 4, 'CUDA')
    call refuse_open(tiny_archive()//', backend = "nonesuch"', 4, 'nonesuch')
  end subroutine test_open_refusals

  subroutine test_request_and_receive()
    type(icegen_emulator) :: ice
    !> the last point lies outside of the Arctic; rank 1 has no points
    real(real64) :: lon(3), lat(3), sic(3), sit(3), again(3)
    real(real32) :: single(3)
    logical :: valid(3), none(0)
    real(real64) :: nan, empty(0)
    integer :: n

    nan = ieee_value(nan, ieee_quiet_nan)
    lon = [0.0_real64, 350.0_real64, 10.0_real64]
    lat = [89.0_real64, 86.0_real64, -60.0_real64]
    n = merge(0, 3, rank == 1)

    call ice%request(1, 2001, 1, ierr, errmsg)
    call expect(1, 'not open', 'request before open')
    call ice%open(MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
    call expect(0, '', 'open')
    call ice%open(MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
    call expect(1, 'open already', 'open twice')

    call ice%add_target('T', lon(:n), [lat(:n), 1.0_real64], ierr, errmsg)
    call expect(1, 'points', 'lon and lat of unequal size')
    call ice%add_target('T', [nan], [80.0_real64], ierr, errmsg)
    call expect(1, 'lon of point 1 is', 'lon NaN')
    call ice%add_target('T', [2000.0_real64], [80.0_real64], ierr, errmsg)
    call expect(1, 'lon of point 1 is 2000; wanted -1080 to 1080 degrees', 'lon out of range')
    call ice%add_target('T', [8.0_real64], [91.0_real64], ierr, errmsg)
    call expect(1, 'lat of point 1 is 91; wanted', 'lat out of range')
    if (rank == ranks - 1) then
      call ice%add_target('T', [8.0_real64], [nan], ierr, errmsg)
    else
      call ice%add_target('T', [8.0_real64], [80.0_real64], ierr, errmsg)
    end if
    call expect(1, 'lat of point 1 is', 'NaN on the last rank alone')
    call ice%add_target('T', lon(:n), lat(:n), ierr, errmsg)
    call expect(0, '', 'add_target')
    call ice%add_target('T', lon(:n), lat(:n), ierr, errmsg)
    call expect(1, "'T' exists already", 'add_target twice')

    call ice%receive('T', 'sic', 1, sic(:n), valid(:n), ierr, errmsg)
    call expect(1, 'nothing was requested', 'receive before request')
    call ice%request(0, 2001, 60, ierr, errmsg)
    call expect(1, 'members is 0; wanted at least 1', 'no member')
    call ice%request(2, 2001, 60, ierr, errmsg, slot=0)
    call expect(1, 'slot is 0; wanted 1 or more', 'slot 0')
    call ice%request(2, 2001, 60, ierr, errmsg, first_member=0)
    call expect(1, 'first_member is 0; wanted 1 to', 'member 0')
    call ice%request(2, 2001, 0, ierr, errmsg)
    call expect(1, 'day_of_year is 0; wanted 1 to 365 in 2001', 'day 0')
    call ice%request(2, 2001, 400, ierr, errmsg)
    call expect(1, 'day_of_year is 400', 'day 400')
    call ice%request(2, 2001, 366, ierr, errmsg)
    call expect(1, 'day_of_year is 366; wanted 1 to 365 in 2001', 'day 366 of a year of 365')
    call ice%request(2, 1800, 60, ierr, errmsg)
    call expect(1, 'year is 1800', 'year out of the trained range')
    if (ranks > 1) then
      call ice%request(2, 2001, 60 + rank, ierr, errmsg)
      call expect(1, 'the first rank has members 2, year 2001, day_of_year 60', 'another day on each rank')
    end if
    call ice%request(2, 2001, 60, ierr, errmsg)
    call expect(0, '', 'request')

    call ice%receive('U', 'sic', 1, sic(:n), valid(:n), ierr, errmsg)
    call expect(1, "unknown target 'U'", 'unknown target')
    call ice%receive('T', 'snow', 1, sic(:n), valid(:n), ierr, errmsg)
    call expect(1, "unknown variable 'snow'; this archive has sic, sit", 'unknown variable')
    call ice%receive('T', 'sic', 3, sic(:n), valid(:n), ierr, errmsg)
    call expect(1, 'member is 3; the request was for 1 to 2', 'unknown member')
    call ice%receive('T', 'sic', 1, sic(:2), valid(:2), ierr, errmsg)
    call expect(1, 'points here', 'arrays of another size than the target')

    sic = -7
    call ice%receive('T', 'sic', 1, sic(:n), valid(:n), ierr, errmsg)
    call expect(0, '', 'receive sic')
    call ice%receive('T', 'sit', 2, sit(:n), valid(:n), ierr, errmsg)
    call expect(0, '', 'receive sit')
    if (n > 0) then
      call check(all(valid .eqv. [.true., .true., .false.]), 'valid in the Arctic alone')
      call check(all(sic(:2) >= 0 .and. sic(:2) <= 1), 'concentration within bounds')
      call check(sic(3) < -6, 'untouched where not valid')
    end if
    call ice%receive('T', 'sic', 1, single(:n), valid(:n), ierr, errmsg)
    call expect(0, '', 'receive in single precision')
    if (n > 0) call check(all(abs(single(:2) - sic(:2)) <= 0), 'single and double precision agree')

    ! A sample is a function of its key, not of what was asked before.
    call ice%request(1, 2002, 200, ierr, errmsg)
    call ice%request(3, 2001, 60, ierr, errmsg)
    call ice%receive('T', 'sic', 1, again(:n), valid(:n), ierr, errmsg)
    call expect(0, '', 'receive after further requests')
    if (n > 0) call check(all(abs(again(:2) - sic(:2)) <= 0), 'the same key gives the same bits')

    ! No rank may need a point at all.
    call ice%add_target('nowhere', empty, empty, ierr, errmsg)
    call expect(0, '', 'a target without points')
    call ice%receive('nowhere', 'sic', 1, empty, none, ierr, errmsg)
    call expect(0, '', 'receive without points')

    call ice%remove_target('T', ierr, errmsg)
    call expect(0, '', 'remove_target')
    call ice%receive('T', 'sic', 1, sic(:n), valid(:n), ierr, errmsg)
    call expect(1, "unknown target 'T'", 'receive at a target that was removed')
    call ice%remove_target('T', ierr, errmsg)
    call expect(1, "unknown target 'T'", 'remove_target twice')
    if (ranks > 1) then
      call ice%remove_target(merge('nowhere', 'T      ', rank == 0), ierr, errmsg)
      call expect(1, 'the first rank has target nowhere', 'another target on each rank')
    end if
    call ice%add_target('T', lon(n:1:-1), lat(n:1:-1), ierr, errmsg)
    call expect(0, '', 'another target of the same name')
    call ice%receive('T', 'sic', 1, again(:n), valid(:n), ierr, errmsg)
    call expect(0, '', 'receive there')
    if (n > 0) call check(all(abs(again(3:2:-1) - sic(:2)) <= 0), 'its own points')

    call ice%request(1, 2003, 300, ierr, errmsg)
    call ice%close(ierr, errmsg)
    call expect(0, '', 'close with a request in flight')
    call ice%close(ierr, errmsg)
    call expect(0, '', 'close twice')
    call ice%receive('T', 'sic', 1, sic(:n), valid(:n), ierr, errmsg)
    call expect(1, 'not open', 'use after close')
  end subroutine test_request_and_receive

  subroutine test_two_at_once()
    type(icegen_emulator) :: one, two
    real(real64) :: a(1), b(1)
    logical :: valid(1)

    call one%open(MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
    call write_namelist('&icegen_nml '//tiny_archive()//', seed = 99, generators = 8 /')
    call two%open(MPI_COMM_WORLD, scratch(), ierr, errmsg)
    call expect(0, '', 'a second emulator, every rank a generator')
    call one%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
    call two%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
    call one%request(1, 2001, 250, ierr, errmsg)
    call two%request(4, 2001, 250, ierr, errmsg)
    call two%receive('pole', 'sit', 1, b, valid, ierr, errmsg)
    call expect(0, '', 'receive from the second')
    call two%receive('pole', 'sit', 4, b, valid, ierr, errmsg)
    call expect(0, '', 'receive from the last generator')
    call one%receive('pole', 'sit', 1, a, valid, ierr, errmsg)
    call expect(0, '', 'receive from the first')
    call check(abs(a(1) - b(1)) > 0, 'another seed gives another sample')
    call one%close(ierr)
    call two%close(ierr)
  end subroutine test_two_at_once

  subroutine test_failing_backend()
    type(icegen_emulator) :: ice
    real(real64) :: sic(1)
    logical :: valid(1)
    integer :: i, before

    call write_namelist('&icegen_nml '//tiny_archive()//', generators = 2, backend = "'//trim(backend)//'" /')
    call ice%open(MPI_COMM_WORLD, scratch(), ierr, errmsg)
    call expect(0, '', 'open with another backend')
    call ice%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
    call ice%request(2, 2001, 13, ierr, errmsg)
    call expect(0, '', 'a request that will fail')
    sic = -7
    call ice%receive('pole', 'sic', 2, sic, valid, ierr, errmsg)
    call expect(4, 'generation failed: no ice on the 13th', 'a failed generation')
    call check(sic(1) < -6, 'nothing is received from a failed generation')
    call ice%request(huge(1), 2001, 14, ierr, errmsg)
    call expect(1, 'members is 2147483647; wanted at most', 'too many members')
    call ice%request(2, 2001, 14, ierr, errmsg)
    call expect(0, '', 'the next request')
    call ice%receive('pole', 'sic', 2, sic, valid, ierr, errmsg)
    call expect(0, '', 'the next request is received')
    call check(abs(sic(1) - 0.00214_real64) < 1e-6_real64, 'the value of the backend')

    ! 40 members of the tiny archive are 0.7 MB: what is kept of 100 requests would show.
    before = 0
    do i = 1, 110
      if (i == 10) before = resident_kb()
      call ice%request(40, 2001, 20 + i, ierr, errmsg)
      call ice%receive('pole', 'sic', 1, sic, valid, ierr, errmsg)
    end do
    call check(resident_kb() - before < 20000, 'memory does not grow with the number of requests')
    call ice%close(ierr, errmsg)
    call expect(0, '', 'close after a failure')
  end subroutine test_failing_backend

  subroutine test_slots()
    type(icegen_emulator) :: ice
    real(real64) :: sic(1)
    logical :: valid(1), ready
    integer :: tries

    call write_namelist('&icegen_nml '//tiny_archive()//', generators = 2, batch = 2, backend = "'//trim(backend)//'" /')
    call ice%open(MPI_COMM_WORLD, scratch(), ierr, errmsg)
    call ice%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
    call ice%test(ready, ierr, errmsg)
    call expect(1, 'slot 1 is empty: nothing was requested in it', 'test before a request')
    call ice%request(2, 2001, 14, ierr, errmsg)
    call ice%request(5, 2001, 15, ierr, errmsg, slot=2, first_member=7)
    call expect(0, '', 'a request in a second slot')
    call ice%test(ready, ierr, errmsg, slot=2)
    call expect(0, '', 'test')
    call check(.not. ready, 'a generation of half a second is not done at once')
    call ice%receive('pole', 'sic', 2, sic, valid, ierr, errmsg)
    call check(abs(sic(1) - 0.00214_real64) < 1e-6_real64, 'the first request is there beside the second')
    call ice%receive('pole', 'sic', 2, sic, valid, ierr, errmsg, slot=2)
    call expect(1, 'member is 2; the request was for 7 to 11', 'a member that was not asked for')
    call ice%receive('pole', 'sic', 11, sic, valid, ierr, errmsg, slot=2)
    call check(abs(sic(1) - 0.01115_real64) < 1e-6_real64, 'the last member of the second request')
    do tries = 1, 100000
      call ice%test(ready, ierr, errmsg, slot=2)
      if (ready) exit
    end do
    call check(ready, 'test tells when all members are done')
    call ice%receive('pole', 'sic', 1, sic, valid, ierr, errmsg)
    call check(abs(sic(1) - 0.00114_real64) < 1e-6_real64, 'the first request can still be received')
    call ice%request(1, 2001, 13, ierr, errmsg, slot=3)
    call ice%receive('pole', 'sic', 1, sic, valid, ierr, errmsg, slot=3)
    call expect(4, 'no ice on the 13th', 'a failure stays in its slot')
    call ice%test(ready, ierr, errmsg, slot=3)
    call check(ierr == 0 .and. ready, 'a failed generation is done')
    call ice%request(1, 2001, 17, ierr, errmsg, slot=2)
    call ice%receive('pole', 'sic', 1, sic, valid, ierr, errmsg, slot=2)
    call check(abs(sic(1) - 0.00117_real64) < 1e-6_real64, 'a request takes the place of the one before it in its slot')
    call ice%receive('pole', 'sic', 1, sic, valid, ierr, errmsg, slot=4)
    call expect(1, 'slot 4 is empty: nothing was requested in it', 'an empty slot')
    call ice%request(100, 2001, 15, ierr, errmsg, slot=9)
    call ice%close(ierr, errmsg)
    call expect(0, '', 'close gives up what was not begun')
  end subroutine test_slots

  !> Many hosts, each with its own communicator and member, get what one host with all members gets.
  subroutine test_ensemble()
    type(icegen_emulator) :: alone, together
    integer :: own, member, ignored
    real(real64) :: mine(1), all_members(1)
    logical :: valid(1)

    call together%open(MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
    call together%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
    call together%request(ranks, 2001, 250, ierr, errmsg)
    call expect(0, '', 'one host with many members')
    call MPI_Comm_split(MPI_COMM_WORLD, rank, 0, own, ignored)
    call alone%open(own, trim(folder)//'/icegen.nml', ierr, errmsg)
    call alone%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
    call alone%request(1, 2001, 250, ierr, errmsg, first_member=rank + 1)
    call alone%receive('pole', 'sit', rank + 1, mine, valid, ierr, errmsg)
    call check(ierr == 0, 'a host of its own')
    do member = 1, ranks
      call together%receive('pole', 'sit', member, all_members, valid, ierr, errmsg)
      call check((abs(all_members(1) - mine(1)) <= 0) .eqv. (member == rank + 1), 'its own member and no other')
    end do
    call alone%close(ierr)
    call MPI_Comm_free(own, ignored)
    call together%close(ierr)
  end subroutine test_ensemble

  !> What the optional arguments of add_target mean; tests/mpi/test_targets.py looks at the values.
  subroutine test_targets()
    type(icegen_emulator) :: ice
    real(real64), parameter :: degree = acos(-1.0_real64)/180
    real(real64) :: lon(2), lat(2), degrees(2), other(2)
    logical :: valid(2)

    lon = [10.0_real64, -100.0_real64]
    lat = [85.0_real64, 88.0_real64]
    call ice%open(MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
    call ice%add_target('degrees', lon, lat, ierr, errmsg)
    call ice%add_target('radians', lon*degree, lat*degree, ierr, errmsg, units='radians')
    call expect(0, '', 'radians')
    call ice%add_target('single', real(lon, real32), real(lat, real32), ierr, errmsg)
    call expect(0, '', 'coordinates in single precision')
    call ice%add_target('pole', [0.0], [real(90*degree, real32)], ierr, errmsg, units='radians')
    call expect(0, '', 'a pole that single precision puts a little beyond')
    call ice%add_target('nearest', lon, lat, ierr, errmsg, method='nearest', distance=50.0_real64)
    call expect(0, '', 'nearest')
    call ice%add_target('far', lon, lat - 60, ierr, errmsg, distance=20000.0_real64)
    call expect(0, '', 'a distance that reaches from anywhere')
    call ice%request(1, 2001, 60, ierr, errmsg)
    call ice%receive('degrees', 'sit', 1, degrees, valid, ierr, errmsg)
    call ice%receive('radians', 'sit', 1, other, valid, ierr, errmsg)
    call check(all(abs(other - degrees) < 1e-6_real64), 'radians are degrees')
    call ice%receive('single', 'sit', 1, other, valid, ierr, errmsg)
    call check(all(abs(other - degrees) < 1e-4_real64), 'single precision is near')
    call ice%receive('nearest', 'sit', 1, other, valid, ierr, errmsg)
    call check(any(abs(other - degrees) > 1e-6_real64), 'another method, another value')
    call ice%receive('far', 'sit_ice', 1, other, valid, ierr, errmsg)
    call expect(0, '', 'thickness over the ice')
    call check(all(valid), 'the nearest ocean')
    call ice%receive('far', 'siu_east', 1, other, valid, ierr, errmsg)
    call expect(1, "unknown variable 'siu_east'; this archive has sic, sit, sit_ice", 'no velocity in this archive')

    call ice%add_target('x', lon, lat, ierr, errmsg, units='gons')
    call expect(1, "units is 'gons'; wanted 'degrees' or 'radians'", 'unknown units')
    call ice%add_target('x', lon, lat, ierr, errmsg, units='radians')
    call expect(1, 'lat of point 1 is 85; wanted -1.5707963267949', 'degrees as radians')
    call ice%add_target('x', lon, lat, ierr, errmsg, method='cubic')
    call expect(1, "method is 'cubic'; wanted 'bilinear' or 'nearest'", 'unknown method')
    call ice%add_target('x', lon, lat, ierr, errmsg, distance=-1.0_real64)
    call expect(1, 'distance is -1 km', 'negative distance')
    call ice%add_target('x', lon, lat, ierr, errmsg, weights='nowhere.nc')
    call expect(1, 'the same number in all its arrays', 'weights without cells')
    call ice%add_target('x', lon, lat, ierr, errmsg, weights='nowhere.nc', cells=[1])
    call expect(1, 'points', 'too few cells')
    call ice%add_target('x', lon, lat, ierr, errmsg, weights='nowhere.nc', cells=[1, 2])
    call expect(1, 'weights nowhere.nc', 'no such file')
    call ice%add_target('x', lon, lat, ierr, errmsg)
    call expect(0, '', 'the name is still free')
    call ice%close(ierr)
  end subroutine test_targets

  subroutine test_state()
    type(icegen_emulator) :: ice, other
    character(len=icegen_state_length) :: state, wrong
    character(len=8) :: short
    real(real64) :: before(1), after(1)
    logical :: valid(1)

    call ice%open(MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
    call ice%get_state(state, ierr, errmsg)
    call expect(0, '', 'get_state')
    call check(index(state, 'seed 7 steps 4 condition date history continuous years given calendar standard') > 0, &
      'what a state holds: '//trim(state))
    call ice%get_state(short, ierr, errmsg)
    call expect(1, 'state holds 9 characters; wanted at least 256', 'a text that is too short')
    call ice%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
    call ice%request(1, 2001, 60, ierr, errmsg)
    call ice%receive('pole', 'sit', 1, before, valid, ierr, errmsg)
    call ice%close(ierr)

    call write_namelist('&icegen_nml '//tiny_archive()//', seed = 99, steps = 2, condition = "none" /')
    call other%open(MPI_COMM_WORLD, scratch(), ierr, errmsg)
    call other%add_target('pole', [0.0_real64], [90.0_real64], ierr, errmsg)
    call other%request(1, 1, 366, ierr, errmsg)
    call expect(1, 'day_of_year is 366; wanted 1 to 365 in 1 of the calendar', 'no such day')
    call other%request(1, 1, 365, ierr, errmsg)
    call expect(0, '', 'without condition, any year')
    call other%receive('pole', 'sit', 1, after, valid, ierr, errmsg)
    call expect(0, '', 'a sample without condition')
    call check(abs(after(1) - before(1)) > 0, 'another seed')
    call other%set_state(state, ierr, errmsg)
    call expect(0, '', 'set_state')
    call other%request(1, 2001, 60, ierr, errmsg)
    call other%receive('pole', 'sit', 1, after, valid, ierr, errmsg)
    if (abs(after(1)-before(1))>0) print *, before, after
    call check(abs(after(1) - before(1)) <= 0, 'the same sample after set_state')
    call other%set_state('', ierr, errmsg)
    call expect(1, "state is ''; wanted one of icegen_get_state", 'no state')
    wrong = state
    wrong(14:14) = '9'
    call other%set_state(wrong, ierr, errmsg)
    call expect(1, 'state is of version 9; this icegen reads 1 and 2', 'a state from the future')
    wrong = state
    wrong(24:24) = merge('0', '1', state(24:24) == '1')
    call other%set_state(wrong, ierr, errmsg)
    call expect(1, 'state is of the archive '//wrong(24:35)//'...; this one is '//state(24:35), 'another archive')
    call other%set_state(state(:90), ierr, errmsg)
    call expect(1, 'is damaged', 'half a state')
    call other%close(ierr)
  end subroutine test_state

  !> Memory of this process (Linux).
  integer function resident_kb()
    character(len=256) :: line
    integer :: unit, iostat

    resident_kb = 0
    open (newunit=unit, file='/proc/self/status', status='old', action='read')
    do
      read (unit, '(a)', iostat=iostat) line
      if (iostat /= 0) exit
      if (line(:6) == 'VmRSS:') read (line(7:index(line, 'kB') - 1), *) resident_kb
    end do
    close (unit)
  end function resident_kb

  !> Opening with these entries must fail with this status and these words.
  subroutine refuse_open(entries, status, words)
    character(len=*), intent(in) :: entries, words
    integer, intent(in) :: status
    type(icegen_emulator) :: ice

    call write_namelist('&icegen_nml '//entries//' /')
    call ice%open(MPI_COMM_WORLD, scratch(), ierr, errmsg)
    call expect(status, words, 'open with '//entries)
  end subroutine refuse_open

end program test_emulator
