! SPDX-License-Identifier: MIT
!> icegen: generated Arctic sea ice for Earth-system models.
!>
!> All procedures of an emulator are collective over its communicator. `ierr` is the same on all ranks, and 0 on
!> success. On failure, `errmsg` names the value seen and the value wanted, and the emulator does not change.
module icegen
  use, intrinsic :: iso_c_binding, only: c_char, c_double, c_float, c_int, c_int64_t, c_null_char, c_null_ptr, &
    c_ptr, c_signed_char, c_size_t, c_f_pointer
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  implicit none
  private
  public :: icegen_emulator, icegen_fill_categories, icegen_state_length, icegen_version

  !> Longest message, in characters.
  integer, parameter :: message_length = 512

  !> A length that is enough for the text of every state, in characters.
  integer, parameter :: icegen_state_length = 256

  !> Longest text that is passed to the C functions, in characters; no system opens a longer path.
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
    generic :: give => give_real32, give_real64
    procedure :: perturb => emulator_perturb
    generic :: observe => observe_real32, observe_real64
    procedure :: analyse => emulator_analyse
    procedure :: test => emulator_test
    generic :: receive => receive_real32, receive_real64
    procedure :: get_state => emulator_get_state
    procedure :: set_state => emulator_set_state
    procedure :: get_placement => emulator_get_placement
    procedure :: close => emulator_close
    procedure, private :: add_target_real32
    procedure, private :: add_target_real64
    procedure, private :: give_real32
    procedure, private :: give_real64
    procedure, private :: observe_real32
    procedure, private :: observe_real64
    procedure, private :: receive_real32
    procedure, private :: receive_real64
  end type icegen_emulator

  !> Distribute ice over thickness categories; see fill_categories_real64.
  interface icegen_fill_categories
    module procedure fill_categories_real32
    module procedure fill_categories_real64
  end interface icegen_fill_categories

  ! The functions of icegen.h, and those of capi.cpp that only this module calls.
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

    function c_give_f64(emulator, target, variable, n, values, valid, message, message_size) &
      bind(c, name='icegen_give_f64') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr, c_signed_char, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(in) :: target(*), variable(*)
      integer(c_int64_t), value :: n
      type(*), intent(in) :: values(*)
      integer(c_signed_char), intent(in) :: valid(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_give_f64

    function c_give_f32(emulator, target, variable, n, values, valid, message, message_size) &
      bind(c, name='icegen_give_f32') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr, c_signed_char, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(in) :: target(*), variable(*)
      integer(c_int64_t), value :: n
      type(*), intent(in) :: values(*)
      integer(c_signed_char), intent(in) :: valid(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_give_f32

    function c_perturb(emulator, slot, first_member, members, level, year, day_of_year, message, message_size) &
      bind(c, name='icegen_perturb') result(status)
      import :: c_char, c_double, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      integer(c_int), value :: slot, first_member, members
      real(c_double), value :: level
      integer(c_int), value :: year, day_of_year
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_perturb

    function c_observe_f64(emulator, target, variable, n, values, errors, valid, message, message_size) &
      bind(c, name='icegen_observe_f64') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr, c_signed_char, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(in) :: target(*), variable(*)
      integer(c_int64_t), value :: n
      type(*), intent(in) :: values(*), errors(*)
      integer(c_signed_char), intent(in) :: valid(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_observe_f64

    function c_observe_f32(emulator, target, variable, n, values, errors, valid, message, message_size) &
      bind(c, name='icegen_observe_f32') result(status)
      import :: c_char, c_int, c_int64_t, c_ptr, c_signed_char, c_size_t
      type(c_ptr), value :: emulator
      character(kind=c_char), intent(in) :: target(*), variable(*)
      integer(c_int64_t), value :: n
      type(*), intent(in) :: values(*), errors(*)
      integer(c_signed_char), intent(in) :: valid(*)
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_observe_f32

    function c_analyse(emulator, slot, first_member, members, year, day_of_year, message, message_size) &
      bind(c, name='icegen_analyse') result(status)
      import :: c_char, c_int, c_ptr, c_size_t
      type(c_ptr), value :: emulator
      integer(c_int), value :: slot, first_member, members, year, day_of_year
      character(kind=c_char), intent(out) :: message(*)
      integer(c_size_t), value :: message_size
      integer(c_int) :: status
    end function c_analyse

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

  !> Open the emulator. If it is open already on any rank, the call is refused on all ranks, and it stays open.
  subroutine emulator_open(self, comm, namelist, ierr, errmsg)
    class(icegen_emulator), intent(inout) :: self
    !> communicator (MPI handle as integer); it is duplicated
    integer, intent(in) :: comm
    !> path of the file with the group &icegen_nml; only the first rank reads it
    character(len=*), intent(in) :: namelist
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length), path(text_length)

    call put(path, namelist(:len_trim(namelist)))
    ierr = c_open(int(comm, c_int), path, self%handle, message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine emulator_open

  !> Name a set of points at which this rank wants fields. Call it once for each set, not for each request. A point may
  !> occur more than once, and on more than one rank. A point that the archive's ocean does not reach is not valid; this
  !> is no error.
  subroutine add_target_real64(self, name, lon, lat, ierr, errmsg, units, method, distance, weights, cells)
    class(icegen_emulator), intent(in) :: self
    !> name of the set, for `receive`
    character(len=*), intent(in) :: name
    !> longitudes and latitudes of this rank's points (n); n may be 0, and may differ between ranks
    real(real64), intent(in) :: lon(:), lat(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> 'degrees', the default, or 'radians'; longitudes may be up to three turns from 0
    character(len=*), intent(in), optional :: units
    !> 'bilinear', the default: between ocean cells; or 'nearest': the cell that contains the point
    character(len=*), intent(in), optional :: method
    !> km, 0 by default; a point that is not valid by `method` takes the nearest ocean cell within this distance
    real(real64), intent(in), optional :: distance
    !> path of a NetCDF file of weights in the SCRIP convention, to be used in place of a method
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

  !> Remove a set of points and free its memory. Its name can be given to another set.
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

  ! The same as add_target_real64. lons, lats: number of lon and of lat.  bytes: of each of them.
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
      ! On a rank without points, `cells` may be an array that was never allocated, and then it is not present there.
      ! So the number of cells is checked by the C function, which all ranks call.
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

  !> Request a sample. Returns at once; the sample is generated while the host goes on. The request replaces the
  !> previous one of its slot; an equal request is not generated again. A refused request leaves the slot empty.
  subroutine emulator_request(self, members, year, day_of_year, ierr, errmsg, slot, first_member)
    class(icegen_emulator), intent(in) :: self
    !> number of members
    integer, intent(in) :: members
    !> date in the namelist's calendar; year is 1 to 9999, and day_of_year is 1 on 1 January
    integer, intent(in) :: year, day_of_year
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> a number from 1, by which the host distinguishes its requests; 1 by default
    integer, intent(in), optional :: slot
    !> number of the first member, from 1; 1 by default
    integer, intent(in), optional :: first_member
    character(kind=c_char) :: message(message_length)

    ierr = c_request(self%handle, or_one(slot), or_one(first_member), int(members, c_int), int(year, c_int), &
      int(day_of_year, c_int), message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine emulator_request

  !> Give one field of the host's own ice, near which `perturb` generates states. Each variable is given once for a
  !> perturbation. All ranks together give each point once. Variables and places that are not given take what the archive
  !> tells of them.
  subroutine give_real64(self, target, variable, values, ierr, errmsg, valid)
    class(icegen_emulator), intent(in) :: self
    !> name given to add_target;  variable of the archive, for example 'sic' (1) or 'sit' (m)
    character(len=*), intent(in) :: target, variable
    !> the field (n), in the archive's units and within its bounds
    real(real64), intent(in) :: values(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> false where a point is left out, such as a halo's or one on land (n); by default none is
    logical, intent(in), optional :: valid(:)
    real(real64), allocatable :: copy(:)
    integer :: status

    if (is_contiguous(values)) then
      call give(self, target, variable, size(values, kind=int64), 8, values, ierr, errmsg, valid)
      return
    end if
    allocate (copy(size(values)), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    copy(:) = values
    call give(self, target, variable, size(values, kind=int64), 8, copy, ierr, errmsg, valid)
  end subroutine give_real64

  !> As give_real64, for single precision.
  subroutine give_real32(self, target, variable, values, ierr, errmsg, valid)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: target, variable
    real(real32), intent(in) :: values(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    logical, intent(in), optional :: valid(:)
    real(real32), allocatable :: copy(:)
    integer :: status

    if (is_contiguous(values)) then
      call give(self, target, variable, size(values, kind=int64), 4, values, ierr, errmsg, valid)
      return
    end if
    allocate (copy(size(values)), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    copy(:) = values
    call give(self, target, variable, size(values, kind=int64), 4, copy, ierr, errmsg, valid)
  end subroutine give_real32

  ! The same as give_real64. bytes: of each of the n values.
  subroutine give(self, target, variable, n, bytes, values, ierr, errmsg, valid)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: target, variable
    integer(int64), intent(in) :: n
    integer, intent(in) :: bytes
    type(*), intent(in) :: values(*)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    logical, intent(in), optional :: valid(:)
    character(kind=c_char) :: message(message_length), c_target(text_length), c_variable(text_length)
    integer(c_signed_char), allocatable :: flags(:)
    integer(c_int64_t) :: c_n

    call flag(n, valid, flags, c_n)
    if (.not. allocated(flags)) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    call put(c_target, target(:len_trim(target)))
    call put(c_variable, variable(:len_trim(variable)))
    if (bytes == 8) then
      ierr = c_give_f64(self%handle, c_target, c_variable, c_n, values, flags, message, size(message, kind=c_size_t))
    else
      ierr = c_give_f32(self%handle, c_target, c_variable, c_n, values, flags, message, size(message, kind=c_size_t))
    end if
    call report(message, errmsg)
  end subroutine give

  !> Request states near the ice that was given since the last perturbation. What is done with slots is as for `request`.
  !> Member 0 is the given state as the archive's grid has it. Fields whose names end with '_increment', such as
  !> 'sic_increment', are differences to it, which the host adds to its own ice.
  subroutine emulator_perturb(self, members, level, year, day_of_year, ierr, errmsg, slot, first_member)
    class(icegen_emulator), intent(in) :: self
    !> number of members
    integer, intent(in) :: members
    !> 0 to 1; 0 gives the given state, 1 gives members that are as far from it as those of `request` from each other
    real(real64), intent(in) :: level
    !> date, as for `request`
    integer, intent(in) :: year, day_of_year
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> as for `request`; 1 by default
    integer, intent(in), optional :: slot, first_member
    character(kind=c_char) :: message(message_length)

    ierr = c_perturb(self%handle, or_one(slot), or_one(first_member), int(members, c_int), real(level, c_double), &
      int(year, c_int), int(day_of_year, c_int), message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine emulator_perturb

  !> Pass observations of a variable, with which the members of `analyse` agree. All ranks together pass each observation
  !> once. Calls for other targets, other variables, or the same again, add to what was observed since the last analysis.
  subroutine observe_real64(self, target, variable, values, errors, ierr, errmsg, valid)
    class(icegen_emulator), intent(in) :: self
    !> name given to add_target;  variable of the archive, for example 'sic' (1) or 'sit' (m); of drift, 'siu_east' and
    !> 'siv_north' (m s-1), both at the same points with the same errors
    character(len=*), intent(in) :: target, variable
    !> what was observed (n), in the archive's units and within its bounds
    real(real64), intent(in) :: values(:)
    !> standard deviation of each value's error (n), 0.001 to 10 in the same unit
    real(real64), intent(in) :: errors(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> false where a point is left out (n); by default none is
    logical, intent(in), optional :: valid(:)
    real(real64), allocatable :: copies(:, :)
    integer(int64) :: n
    integer :: status

    n = common_size(size(values, kind=int64), size(errors, kind=int64))
    if (n < 0 .or. (is_contiguous(values) .and. is_contiguous(errors))) then
      call observe(self, target, variable, n, 8, values, errors, ierr, errmsg, valid)
      return
    end if
    allocate (copies(n, 2), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    copies(:, 1) = values
    copies(:, 2) = errors
    call observe(self, target, variable, n, 8, copies(:, 1), copies(:, 2), ierr, errmsg, valid)
  end subroutine observe_real64

  !> As observe_real64, for single precision.
  subroutine observe_real32(self, target, variable, values, errors, ierr, errmsg, valid)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: target, variable
    real(real32), intent(in) :: values(:)
    real(real32), intent(in) :: errors(:)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    logical, intent(in), optional :: valid(:)
    real(real32), allocatable :: copies(:, :)
    integer(int64) :: n
    integer :: status

    n = common_size(size(values, kind=int64), size(errors, kind=int64))
    if (n < 0 .or. (is_contiguous(values) .and. is_contiguous(errors))) then
      call observe(self, target, variable, n, 4, values, errors, ierr, errmsg, valid)
      return
    end if
    allocate (copies(n, 2), stat=status)
    if (status /= 0) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    copies(:, 1) = values
    copies(:, 2) = errors
    call observe(self, target, variable, n, 4, copies(:, 1), copies(:, 2), ierr, errmsg, valid)
  end subroutine observe_real32

  ! The same as observe_real64. bytes: of each of the n values and errors.
  subroutine observe(self, target, variable, n, bytes, values, errors, ierr, errmsg, valid)
    class(icegen_emulator), intent(in) :: self
    character(len=*), intent(in) :: target, variable
    integer(int64), intent(in) :: n
    integer, intent(in) :: bytes
    type(*), intent(in) :: values(*), errors(*)
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    logical, intent(in), optional :: valid(:)
    character(kind=c_char) :: message(message_length), c_target(text_length), c_variable(text_length)
    integer(c_signed_char), allocatable :: flags(:)
    integer(c_int64_t) :: c_n

    call flag(n, valid, flags, c_n)
    if (.not. allocated(flags)) then
      call fail_without_memory(self, ierr, errmsg)
      return
    end if
    call put(c_target, target(:len_trim(target)))
    call put(c_variable, variable(:len_trim(variable)))
    if (bytes == 8) then
      ierr = c_observe_f64(self%handle, c_target, c_variable, c_n, values, errors, flags, message, &
        size(message, kind=c_size_t))
    else
      ierr = c_observe_f32(self%handle, c_target, c_variable, c_n, values, errors, flags, message, &
        size(message, kind=c_size_t))
    end if
    call report(message, errmsg)
  end subroutine observe

  !> Request a sample whose members agree with what was observed since the last analysis, within its errors. What is done
  !> with slots is as for `request`.
  subroutine emulator_analyse(self, members, year, day_of_year, ierr, errmsg, slot, first_member)
    class(icegen_emulator), intent(in) :: self
    !> number of members
    integer, intent(in) :: members
    !> date, as for `request`
    integer, intent(in) :: year, day_of_year
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    !> as for `request`; 1 by default
    integer, intent(in), optional :: slot, first_member
    character(kind=c_char) :: message(message_length)

    ierr = c_analyse(self%handle, or_one(slot), or_one(first_member), int(members, c_int), int(year, c_int), &
      int(day_of_year, c_int), message, size(message, kind=c_size_t))
    call report(message, errmsg)
  end subroutine emulator_analyse

  !> Test whether the request in a slot is complete, without waiting for it. `ready` is the same on all ranks.
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

  !> Receive one field of the request in a slot at this rank's points of a target. Waits until the member is generated.
  subroutine receive_real64(self, target, variable, member, values, valid, ierr, errmsg, slot)
    class(icegen_emulator), intent(in) :: self
    !> name given to add_target;  variable, for example 'sic' (1), 'sit' (m) or 'blend' (1); icegen.h lists them all
    character(len=*), intent(in) :: target, variable
    !> number of the member
    integer, intent(in) :: member
    !> the field (n), in the archive's units; where it is not valid unchanged, or the namelist's fill_value
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

  ! The same as receive_real64. bytes: of each of the n values.
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
    integer(c_signed_char), allocatable :: flags(:)  ! on the heap; compilers may put automatic arrays on the stack
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

  ! Called in place of a collective C function if this rank has no memory for its arguments: that fails on all ranks.
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
    !> padded with blanks; a longer line is cut
    character(len=*), intent(inout) :: placement
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg
    character(kind=c_char) :: message(message_length), text(message_length)

    ierr = c_get_placement(self%handle, text, size(text, kind=c_size_t), message, size(message, kind=c_size_t))
    if (ierr == 0) call report(text, placement)
    call report(message, errmsg)
  end subroutine emulator_get_placement

  !> Distribute ice over thickness categories, such as those of CICE. Area and volume of each point are conserved to
  !> rounding. Not collective. icegen.h describes the distribution, and what happens to area and volume that contradict
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

  !> Free the emulator, after waiting for the members that are being generated. Closing a closed one does nothing.
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

  ! Flags of n points that are 0 where `valid` is false, on the heap, because compilers may put automatic arrays on the
  ! stack; not allocated for lack of memory. c_n: n, or -1 if `valid` has another size.
  subroutine flag(n, valid, flags, c_n)
    integer(int64), intent(in) :: n
    logical, intent(in), optional :: valid(:)
    integer(c_signed_char), allocatable, intent(out) :: flags(:)
    integer(c_int64_t), intent(out) :: c_n
    integer(int64) :: flagged
    integer :: status

    flagged = n
    if (present(valid)) flagged = size(valid, kind=int64)
    c_n = common_size(n, flagged)
    allocate (flags(flagged), stat=status)
    if (status /= 0) return
    flags(:) = 1_c_signed_char
    if (present(valid)) where (.not. valid) flags = 0_c_signed_char
  end subroutine flag

  !> The size of two arrays, or -1 if their sizes differ, which the C functions refuse on all ranks.
  pure integer(c_int64_t) function common_size(a, b)
    integer(int64), intent(in) :: a, b
    common_size = merge(a, -1_int64, a == b)
  end function common_size

  !> Copy a text for C, with a closing zero; what does not fit is cut.
  pure subroutine put(message, text)
    character(kind=c_char), intent(out) :: message(:)
    character(len=*), intent(in) :: text
    integer :: i

    message = c_null_char
    do i = 1, min(len(text), size(message) - 1)
      message(i) = text(i:i)
    end do
  end subroutine put

  !> Copy a message of C to errmsg, padded with blanks.
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
