! SPDX-License-Identifier: MIT
!> icegen: generated Arctic sea ice for Earth-system models.
!>
!> All procedures of an emulator are collective over its communicator. `ierr` is 0 on success and the same on all
!> ranks; on failure `errmsg` says what was seen and what was wanted, and the emulator is as it was before.
module icegen
  use, intrinsic :: iso_c_binding, only: c_char, c_double, c_float, c_int, c_int64_t, c_null_char, c_null_ptr, &
    c_ptr, c_signed_char, c_size_t, c_f_pointer
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  implicit none
  private
  public :: icegen_emulator, icegen_fill_categories, icegen_state_length, icegen_version

  !> Longest message, in characters.
  integer, parameter :: message_length = 512

  !> Length of the text of a state that always suffices, in characters.
  integer, parameter :: icegen_state_length = 256

  !> Longest text that goes to the C functions, in characters: longer than any path that a system opens.
  integer, parameter :: text_length = 4096

  character(len=*), parameter :: other_shapes = &
    'the arrays of the categories have other shapes than (n), (n), (0:ncat), (n, ncat), (n, ncat)'

  !> A source of generated sea ice. Copies share one emulator; close it once.
  type :: icegen_emulator
    private
    type(c_ptr) :: handle = c_null_ptr
  contains
    procedure :: open => emulator_open
    generic :: add_target => add_target_real32, add_target_real64
    procedure :: remove_target => emulator_remove_target
    procedure :: request => emulator_request
    procedure :: test => emulator_test
    generic :: receive => receive_real32, receive_real64
    procedure :: get_state => emulator_get_state
    procedure :: set_state => emulator_set_state
    procedure :: get_placement => emulator_get_placement
    procedure :: close => emulator_close
    procedure, private :: add_target_real32
    procedure, private :: add_target_real64
    procedure, private :: receive_real32
    procedure, private :: receive_real64
  end type icegen_emulator

  !> Spread ice over thickness categories; see fill_categories_real64.
  interface icegen_fill_categories
    module procedure fill_categories_real32
    module procedure fill_categories_real64
  end interface icegen_fill_categories

  ! The functions of icegen.h, and those that capi.cpp has for this module alone.
  interface
    function c_version() bind(c, name='icegen_version')
      import :: c_ptr
      type(c_ptr) :: c_version
    end function c_version

    function c_open(comm, namelist, emulator, message, message_size) bind(c, name='icegen_open') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      integer(c_int), value :: comm
      character(kind=c_char), intent(in) :: namelist(*)
      type(c_ptr), intent(inout) :: emulator
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_open

    function c_add_target_by(emulator, target, n, bytes, lon, lat, units, method, distance, message, message_size) &
      bind(c, name='icegen_fortran_add_target_by') result(status)
      import :: c_char, c_double, c_int, c_int64_t, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(in) :: target(*), units(*), method(*)
      integer(c_int64_t), value :: n
      integer(c_int), value :: bytes
      type(*), intent(in) :: lon(*), lat(*)
      real(c_double), value :: distance
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_add_target_by

    function c_add_target_weights(emulator, target, n, bytes, lon, lat, units, weights, cells, message, message_size) &
      bind(c, name='icegen_fortran_add_target_weights') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(in) :: target(*), units(*), weights(*)
      integer(c_int64_t), value :: n
      integer(c_int), value :: bytes
      type(*), intent(in) :: lon(*), lat(*)
      integer(c_int), intent(in) :: cells(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_add_target_weights

    function c_remove_target(emulator, target, message, message_size) bind(c, name='icegen_remove_target') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(in) :: target(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_remove_target

    function c_no_memory(emulator, message, message_size) bind(c, name='icegen_fortran_no_memory') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_no_memory

    function c_request(emulator, slot, first_member, members, year, day_of_year, message, message_size) &
      bind(c, name='icegen_request_slot') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      integer(c_int), value :: slot, first_member, members, year, day_of_year
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_request

    function c_test(emulator, slot, ready, message, message_size) bind(c, name='icegen_test') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      integer(c_int), value :: slot
      integer(c_int), intent(inout) :: ready
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_test

    function c_receive_f64(emulator, slot, target, variable, member, n, values, valid, message, message_size) &
      bind(c, name='icegen_receive_slot_f64') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr, c_signed_char, c_size_t
      type(c_ptr), value :: emulator
      integer(c_int), value :: slot
      character(kind=c_char), intent(in) :: target(*), variable(*)
      integer(c_int), value :: member
      integer(c_int64_t), value :: n
      type(*), intent(inout) :: values(*)
      integer(c_signed_char), intent(out) :: valid(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_receive_f64

    function c_receive_f32(emulator, slot, target, variable, member, n, values, valid, message, message_size) &
      bind(c, name='icegen_receive_slot_f32') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr, c_signed_char, c_size_t
      type(c_ptr), value :: emulator
      integer(c_int), value :: slot
      character(kind=c_char), intent(in) :: target(*), variable(*)
      integer(c_int), value :: member
      integer(c_int64_t), value :: n
      type(*), intent(inout) :: values(*)
      integer(c_signed_char), intent(out) :: valid(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_receive_f32

    function c_get_state(emulator, state, state_size, message, message_size) bind(c, name='icegen_get_state') &
      result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(inout) :: state(*)
      integer(c_size_t), value :: state_size
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_get_state

    function c_set_state(emulator, state, message, message_size) bind(c, name='icegen_set_state') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(in) :: state(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_set_state

    function c_get_placement(emulator, placement, placement_size, message, message_size) &
      bind(c, name='icegen_get_placement') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(inout) :: placement(*)
      integer(c_size_t), value :: placement_size
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_get_placement

    function c_fill_categories_f64(n, area, volume, categories, bounds, category_area, category_volume, message, &
      message_size) bind(c, name='icegen_fill_categories_f64') result(status)
      import :: c_char, c_double, c_int, c_int64_t, c_size_t
      integer(c_int64_t), value :: n
      real(c_double), intent(in) :: area(*), volume(*), bounds(*)
      integer(c_int), value :: categories
      real(c_double), intent(inout) :: category_area(*), category_volume(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_fill_categories_f64

    function c_fill_categories_f32(n, area, volume, categories, bounds, category_area, category_volume, message, &
      message_size) bind(c, name='icegen_fill_categories_f32') result(status)
      import :: c_char, c_float, c_int, c_int64_t, c_size_t
      integer(c_int64_t), value :: n
      real(c_float), intent(in) :: area(*), volume(*), bounds(*)
      integer(c_int), value :: categories
      real(c_float), intent(inout) :: category_area(*), category_volume(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_fill_categories_f32

    function c_close(emulator, message, message_size) bind(c, name='icegen_close') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), intent(inout) :: emulator
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_close

    function c_strlen(text) bind(c, name='strlen') result(length)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
      integer(c_size_t) :: length
    end function c_strlen
  end interface

contains

  !> The version of the library, for example '0.2.0'.
  function icegen_version() result(version)
    character(len=:), allocatable :: version
    character(kind=c_char), pointer :: text(:)
    type(c_ptr) :: c_text
    integer :: i

    c_text = c_version()
    call c_f_pointer(c_text, text, [c_strlen(c_text)])
    allocate (character(len=size(text)) :: version)
    do i = 1, size(text)
      version(i:i) = text(i)
    end do
  end function icegen_version

  !> Open the emulator. One that is open already, on whatever rank, is refused on all of them and stays open.
  subroutine emulator_open(self, comm, namelist, ierr, errmsg)
    class(icegen_emulator), intent(inout) :: self
    !> communicator (MPI handle as integer); it is duplicated
    integer, intent(in) :: comm
    !> path of the file with the group &icegen_nml; read on the first rank
    character(len=*), intent(in) :: namelist
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length), path(text_length)

    call put(path, namelist(:len_trim(namelist)))
    ierr = c_open(int(comm, c_int), path, self%handle, message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine emulator_open

  !> Name a set of points at which this rank wants fields; once per set, not per request. A point may come more than
  !> once and on more than one rank; one that the archive's ocean does not reach is not valid, no error.
  subroutine add_target_real64(self, name, lon, lat, ierr, errmsg, units, method, distance, weights, cells)
    class(icegen_emulator), intent(in) :: self
    !> name of the set, for `receive`
    character(len=*), intent(in) :: name
    !> longitudes and latitudes of this rank's own points (n); n may be 0 and differ between ranks
    real(real64), intent(in) :: lon(:), lat(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> 'degrees', the default, or 'radians'; any longitude convention within three turns of 0
    character(len=*), intent(in), optional :: units
    !> 'bilinear', the default, between ocean cells; or 'nearest', the cell in which the point lies
    character(len=*), intent(in), optional :: method
    !> km; a point that is not valid by `method` takes the nearest ocean cell within this distance; 0 by default
    real(real64), intent(in), optional :: distance
    !> path of a NetCDF file of weights in the SCRIP convention, in place of a method
    character(len=*), intent(in), optional :: weights
    !> with `weights`: the number of each point among the file's target cells, from 1; 0: none of them (n)
    integer, intent(in), optional :: cells(:)
    real(real64), allocatable :: lonlat(:, :)
    integer :: status

    if (is_contiguous(lon) .and. is_contiguous(lat)) then
      call add_target(self, name, size(lon, kind=int64), size(lat, kind=int64), 8, lon, lat, ierr, errmsg, units, &
        method, distance, weights, cells)
      return
    end if
    allocate (lonlat(max(size(lon), size(lat)), 2), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    lonlat(:size(lon), 1) = lon
    lonlat(:size(lat), 2) = lat
    call add_target(self, name, size(lon, kind=int64), size(lat, kind=int64), 8, lonlat(:, 1), lonlat(:, 2), ierr, &
      errmsg, units, method, distance, weights, cells)
  end subroutine add_target_real64

  !> As add_target_real64, for coordinates in single precision.
  subroutine add_target_real32(self, name, lon, lat, ierr, errmsg, units, method, distance, weights, cells)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: name
    real(real32), intent(in) :: lon(:), lat(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(len=*), intent(in), optional :: units, method
    real(real64), intent(in), optional :: distance
    character(len=*), intent(in), optional :: weights
    integer, intent(in), optional :: cells(:)
    real(real32), allocatable :: lonlat(:, :)
    integer :: status

    if (is_contiguous(lon) .and. is_contiguous(lat)) then
      call add_target(self, name, size(lon, kind=int64), size(lat, kind=int64), 4, lon, lat, ierr, errmsg, units, &
        method, distance, weights, cells)
      return
    end if
    allocate (lonlat(max(size(lon), size(lat)), 2), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    lonlat(:size(lon), 1) = lon
    lonlat(:size(lat), 2) = lat
    call add_target(self, name, size(lon, kind=int64), size(lat, kind=int64), 4, lonlat(:, 1), lonlat(:, 2), ierr, &
      errmsg, units, method, distance, weights, cells)
  end subroutine add_target_real32

  !> Forget a set of points and free its memory. Its name may be given to another.
  subroutine emulator_remove_target(self, name, ierr, errmsg)
    class(icegen_emulator), intent(in) :: self
    !> name given to add_target
    character(len=*), intent(in) :: name
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length), c_name(text_length)

    call put(c_name, name(:len_trim(name)))
    ierr = c_remove_target(self%handle, c_name, message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine emulator_remove_target

  ! As add_target_real64. lons, lats: how many there are.  bytes: of each.
  subroutine add_target(self, name, lons, lats, bytes, lon, lat, ierr, errmsg, units, method, distance, weights, cells)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: name
    integer(int64), intent(in) :: lons, lats
    integer, intent(in) :: bytes
    type(*), intent(in) :: lon(*), lat(*)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(len=*), intent(in), optional :: units, method
    real(real64), intent(in), optional :: distance
    character(len=*), intent(in), optional :: weights
    integer, intent(in), optional :: cells(:)
    character(kind=c_char) :: message(message_length), c_name(text_length), c_units(text_length), c_how(text_length)
    integer(c_int), allocatable :: c_cells(:)
    integer(c_int64_t) :: n, given
    integer :: status

    n = common_size(lons, lats)
    call put(c_name, name(:len_trim(name)))
    call put(c_units, 'degrees')
    if (present(units)) call put(c_units, units(:len_trim(units)))
    if (.not. present(weights)) then
      call put(c_how, 'bilinear')
      if (present(method)) call put(c_how, method(:len_trim(method)))
      ierr = c_add_target_by(self%handle, c_name, n, int(bytes, c_int), lon, lat, c_units, c_how, &
        or_zero(distance), message, size(message, kind=c_size_t))
    else
      call put(c_how, weights(:len_trim(weights)))
      ! On a rank without points `cells` may be an array that was never allocated, and so not present there alone:
      ! the C function, which all ranks reach, compares the numbers.
      given = 0
      if (present(cells)) given = size(cells, kind=int64)
      allocate (c_cells(given), stat=status)
      if (status /= 0) then
        call fail_without_memory(self, ierr, errmsg)
        return
      end if
      if (present(cells)) c_cells(:) = int(cells, c_int)
      ierr = c_add_target_weights(self%handle, c_name, common_size(n, given), int(bytes, c_int), lon, lat, c_units, &
        c_how, c_cells, message, size(message, kind=c_size_t))
    end if
    call report(message, errmsg)
  end subroutine add_target

  !> Ask for a sample. Returns at once; generation proceeds beside the host. The request takes the place of the one
  !> before it in its slot; the same one again is not generated again. One that is refused leaves the slot empty.
  subroutine emulator_request(self, members, year, day_of_year, ierr, errmsg, slot, first_member)
    class(icegen_emulator), intent(in) :: self
    !> how many members
    integer, intent(in) :: members
    !> date of the sample in the namelist's calendar, 1 to 9999; day_of_year is 1 on 1 January
    integer, intent(in) :: year, day_of_year
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> any number from 1 by which the host tells its requests apart; 1 by default
    integer, intent(in), optional :: slot
    !> number of the first member, from 1; 1 by default
    integer, intent(in), optional :: first_member
    character(kind=c_char) :: message(message_length)

    ierr = c_request(self%handle, or_one(slot), or_one(first_member), int(members, c_int), int(year, c_int), &
      int(day_of_year, c_int), message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine emulator_request

  !> Tell without waiting for it whether the request in a slot is done; `ready` is the same on all ranks.
  subroutine emulator_test(self, ready, ierr, errmsg, slot)
    class(icegen_emulator), intent(in) :: self
    logical, intent(out) :: ready
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    integer, intent(in), optional :: slot
    character(kind=c_char) :: message(message_length)
    integer(c_int) :: flag

    flag = 0
    ierr = c_test(self%handle, or_one(slot), flag, message, size(message, kind=c_size_t))
    ready = flag /= 0
    call report(message, errmsg)
  end subroutine emulator_test

  !> Receive one field of the request in a slot at this rank's points of a target, waiting for it if need be.
  subroutine receive_real64(self, target, variable, member, values, valid, ierr, errmsg, slot)
    class(icegen_emulator), intent(in) :: self
    !> name given to add_target;  a variable as icegen.h lists them, for example 'sic' (1), 'sit' (m), 'blend' (1)
    character(len=*), intent(in) :: target, variable
    !> number of the member
    integer, intent(in) :: member
    !> the field (n), in the archive's units; where not valid untouched, or the namelist's fill_value
    real(real64), intent(inout) :: values(:)
    !> true where the point lies on the archive's ocean (n)
    logical, intent(inout) :: valid(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> as given to `request`; 1 by default
    integer, intent(in), optional :: slot
    real(real64), allocatable :: copy(:)
    integer :: status

    if (is_contiguous(values)) then
      call receive(self, target, variable, member, size(values, kind=int64), 8, values, valid, ierr, errmsg, slot)
      return
    end if
    allocate (copy(size(values)), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    copy(:) = values
    call receive(self, target, variable, member, size(values, kind=int64), 8, copy, valid, ierr, errmsg, slot)
    if (ierr == 0) values = copy
  end subroutine receive_real64

  !> As receive_real64, for single precision.
  subroutine receive_real32(self, target, variable, member, values, valid, ierr, errmsg, slot)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: target, variable
    integer, intent(in) :: member
    real(real32), intent(inout) :: values(:)
    logical, intent(inout) :: valid(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    integer, intent(in), optional :: slot
    real(real32), allocatable :: copy(:)
    integer :: status

    if (is_contiguous(values)) then
      call receive(self, target, variable, member, size(values, kind=int64), 4, values, valid, ierr, errmsg, slot)
      return
    end if
    allocate (copy(size(values)), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    copy(:) = values
    call receive(self, target, variable, member, size(values, kind=int64), 4, copy, valid, ierr, errmsg, slot)
    if (ierr == 0) values = copy
  end subroutine receive_real32

  ! As receive_real64. bytes: of each of n values.
  subroutine receive(self, target, variable, member, n, bytes, values, valid, ierr, errmsg, slot)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: target, variable
    integer, intent(in) :: member, bytes
    integer(int64), intent(in) :: n
    type(*), intent(inout) :: values(*)
    logical, intent(inout) :: valid(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    integer, intent(in), optional :: slot
    character(kind=c_char) :: message(message_length), c_target(text_length), c_variable(text_length)
    integer(c_signed_char), allocatable :: flags(:)  ! on the heap, whatever the compiler does with automatic arrays
    integer :: status

    allocate (flags(size(valid)), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    call put(c_target, target(:len_trim(target)))
    call put(c_variable, variable(:len_trim(variable)))
    if (bytes == 8) then
      ierr = c_receive_f64(self%handle, or_one(slot), c_target, c_variable, int(member, c_int), &
        common_size(n, size(valid, kind=int64)), values, flags, message, size(message, kind=c_size_t))
    else
      ierr = c_receive_f32(self%handle, or_one(slot), c_target, c_variable, int(member, c_int), &
        common_size(n, size(valid, kind=int64)), values, flags, message, size(message, kind=c_size_t))
    end if
    if (ierr == 0) valid = flags /= 0
    call report(message, errmsg)
  end subroutine receive

  ! In place of a collective C function, where this rank has no memory for its arguments: it fails on all ranks.
  subroutine fail_without_memory(self, ierr, errmsg)
    class(icegen_emulator), intent(in) :: self
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length)

    ierr = c_no_memory(self%handle, message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine fail_without_memory

  !> A text for restart files that says which archive, seed, steps and rules of dates samples are made with.
  subroutine emulator_get_state(self, state, ierr, errmsg)
    class(icegen_emulator), intent(in) :: self
    !> blank padded; icegen_state_length suffices
    character(len=*), intent(inout) :: state
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length), text(icegen_state_length)

    ierr = c_get_state(self%handle, text, min(len(state) + 1_c_size_t, size(text, kind=c_size_t)), message, &
      size(message, kind=c_size_t))
    if (ierr == 0) call report(text, state)
    call report(message, errmsg)
  end subroutine emulator_get_state

  !> Take what the requests that follow are made with from a state; one of another archive is refused.
  subroutine emulator_set_state(self, state, ierr, errmsg)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: state
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length), text(text_length)

    call put(text, state(:len_trim(state)))
    ierr = c_set_state(self%handle, text, message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine emulator_set_state

  !> Say in one line whether this rank generates, and on which CPUs. Not collective.
  subroutine emulator_get_placement(self, placement, ierr, errmsg)
    class(icegen_emulator), intent(in) :: self
    !> blank padded; what is longer is cut
    character(len=*), intent(inout) :: placement
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length), text(message_length)

    ierr = c_get_placement(self%handle, text, size(text, kind=c_size_t), message, size(message, kind=c_size_t))
    if (ierr == 0) call report(text, placement)
    call report(message, errmsg)
  end subroutine emulator_get_placement

  !> Spread ice over thickness categories as CICE-like hosts hold it; each point's area and volume are conserved to
  !> rounding. Not collective. icegen.h tells the distribution, and what is done with volume and area that contradict
  !> each other.
  subroutine fill_categories_real64(area, volume, bounds, category_area, category_volume, ierr, errmsg)
    !> concentration (n), 1;  volume per area of the cell (n), m
    real(real64), intent(in) :: area(:), volume(:)
    !> bounds of the categories (0:ncat), m, increasing; the first is 0 or the host's thinnest ice
    real(real64), intent(in) :: bounds(0:)
    !> area and volume of each category (n, ncat)
    real(real64), intent(inout) :: category_area(:, :), category_volume(:, :)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length)
    integer :: n, ncat

    n = size(area)
    ncat = ubound(bounds, 1)
    if (all([size(volume), shape(category_area), shape(category_volume)] == [n, n, ncat, n, ncat])) then
      ierr = c_fill_categories_f64(int(n, c_int64_t), area, volume, int(ncat, c_int), bounds, category_area, &
        category_volume, message, size(message, kind=c_size_t))
    else
      ierr = 1
      call put(message, other_shapes)
    end if
    call report(message, errmsg)
  end subroutine fill_categories_real64

  !> As fill_categories_real64, for single precision.
  subroutine fill_categories_real32(area, volume, bounds, category_area, category_volume, ierr, errmsg)
    real(real32), intent(in) :: area(:), volume(:), bounds(0:)
    real(real32), intent(inout) :: category_area(:, :), category_volume(:, :)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length)
    integer :: n, ncat

    n = size(area)
    ncat = ubound(bounds, 1)
    if (all([size(volume), shape(category_area), shape(category_volume)] == [n, n, ncat, n, ncat])) then
      ierr = c_fill_categories_f32(int(n, c_int64_t), area, volume, int(ncat, c_int), bounds, category_area, &
        category_volume, message, size(message, kind=c_size_t))
    else
      ierr = 1
      call put(message, other_shapes)
    end if
    call report(message, errmsg)
  end subroutine fill_categories_real32

  !> Free the emulator, waiting for a generation under way. Closing a closed one does nothing.
  subroutine emulator_close(self, ierr, errmsg)
    class(icegen_emulator), intent(inout) :: self
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length)
    integer(c_int) :: status

    status = c_close(self%handle, message, size(message, kind=c_size_t))
    if (present(ierr)) ierr = status
    call report(message, errmsg)
  end subroutine emulator_close

  pure integer(c_int) function or_one(value)
    integer, intent(in), optional :: value
    or_one = 1
    if (present(value)) or_one = int(value, c_int)
  end function or_one

  pure real(c_double) function or_zero(value)
    real(real64), intent(in), optional :: value
    or_zero = 0
    if (present(value)) or_zero = value
  end function or_zero

  !> The size that two arrays share, or -1, which icegen.h refuses on all ranks.
  pure integer(c_int64_t) function common_size(a, b)
    integer(int64), intent(in) :: a, b
    common_size = merge(a, -1_int64, a == b)
  end function common_size

  !> A text as C reads it, closed by a zero; what does not fit is cut.
  pure subroutine put(message, text)
    character(kind=c_char), intent(out) :: message(:)
    character(len=*), intent(in) :: text
    integer :: i

    message = c_null_char
    do i = 1, min(len(text), size(message) - 1)
      message(i) = text(i:i)
    end do
  end subroutine put

  !> Hand a C message to the caller, blank padded.
  subroutine report(message, errmsg)
    character(kind=c_char), intent(in) :: message(:)
    character(len=*), intent(inout), optional :: errmsg
    integer :: i

    if (.not. present(errmsg)) return
    errmsg = ''
    do i = 1, min(size(message), len(errmsg))
      if (message(i) == c_null_char) exit
      errmsg(i:i) = message(i)
    end do
  end subroutine report

end module icegen
