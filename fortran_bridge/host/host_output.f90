! SPDX-License-Identifier: MIT
!> The CF NetCDF file of the run. Rank 0 alone calls this module.
module host_output
  use, intrinsic :: iso_c_binding, only: c_char, c_int, c_null_char
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use netcdf
  use host_calendar, only: days_before_month
  use host_config, only: host_config_type, message_length, path_length
  use host_grid, only: host_grid_type
  implicit none
  private

  public :: host_output_type, fill_value

  !> Stands in the file where there is no sea ice to speak of: land, and beyond the reach of icegen
  real(real32), parameter :: fill_value = nf90_fill_float

  !> Written under a partial name; takes its own name when all of it is there
  type :: host_output_type
    private
    character(len=path_length) :: path = ''
    character(len=path_length + 8) :: partial = ''
    logical :: is_open = .false.
    integer :: ncid = 0
    !> NetCDF ids of extent and volume
    integer :: extent = 0, volume = 0
    !> NetCDF status of the first call that failed, and what that call was to do
    integer :: status = nf90_noerr
    character(len=message_length) :: failed = ''
  contains
    procedure, public :: create
    procedure, public :: write_field
    procedure, public :: write_totals
    procedure, public :: finish
    procedure, public :: discard
  end type host_output_type

  interface
    function c_rename(old, new) bind(c, name='rename') result(status)
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: old(*), new(*)
      integer(c_int) :: status
    end function c_rename

    function c_remove(path) bind(c, name='remove') result(status)
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int) :: status
    end function c_remove
  end interface

contains

  !> Creates the file with its coordinates; refuses a path that cannot be written.
  subroutine create(self, config, grid, ierr, errmsg)
    class(host_output_type), intent(inout) :: self
    type(host_config_type), intent(in) :: config
    type(host_grid_type), intent(in) :: grid
    integer, intent(out) :: ierr
    character(len=*), intent(inout) :: errmsg
    logical :: is_folder
    integer :: unit

    self%path = config%output
    self%partial = trim(config%output)//'.partial'
    inquire (file=trim(self%path)//'/.', exist=is_folder)
    if (is_folder) then
      ierr = 1
      errmsg = "cannot write '"//trim(self%path)//"': it is a folder"
      return
    end if
    ! NetCDF calls each failure of the file system "HDF error"; a plain open says what is wrong.
    open (newunit=unit, file=trim(self%partial), status='replace', action='write', iostat=ierr, iomsg=self%failed)
    if (ierr /= 0) then
      errmsg = "cannot write '"//trim(self%path)//"': "//trim(self%failed)
      return
    end if
    close (unit, status='delete')

    self%failed = ''
    call note(self, nf90_create(trim(self%partial), ior(nf90_clobber, nf90_netcdf4), self%ncid), 'create')
    self%is_open = self%status == nf90_noerr
    if (self%is_open) call define(self, config, grid)
    call report(self, ierr, errmsg)
  end subroutine create

  !> Dimensions, variables, attributes and coordinates.
  subroutine define(self, config, grid)
    class(host_output_type), intent(inout) :: self
    type(host_config_type), intent(in) :: config
    type(host_grid_type), intent(in) :: grid
    integer :: time, member, lat, lon, bounds ! dimensions
    integer :: v, k, month
    character(len=32) :: since
    real(real64) :: days(2, 12)

    call text(self, nf90_global, 'Conventions', 'CF-1.10')
    call text(self, nf90_global, 'title', 'Generated Arctic sea ice in a demonstration host model')
    call text(self, nf90_global, 'source', 'icegen: latent diffusion model of Arctic sea ice')
    call text(self, nf90_global, 'history', 'written by demo_host')

    call note(self, nf90_def_dim(self%ncid, 'time', 12, time), 'define time')
    call note(self, nf90_def_dim(self%ncid, 'member', config%members, member), 'define member')
    call note(self, nf90_def_dim(self%ncid, 'lat', grid%nlat, lat), 'define lat')
    call note(self, nf90_def_dim(self%ncid, 'lon', grid%nlon, lon), 'define lon')
    call note(self, nf90_def_dim(self%ncid, 'bounds', 2, bounds), 'define bounds')

    write (since, '(a, i4.4, a)') 'days since ', config%year, '-01-01 00:00:00'
    days(1, :) = [(real(days_before_month(config%year, month), real64), month=1, 12)]
    days(2, :) = [(real(days_before_month(config%year, month), real64), month=2, 13)]
    v = variable(self, 'time', nf90_double, [time], 'time', 'middle of the month', since)
    call text(self, v, 'calendar', 'standard')
    call text(self, v, 'axis', 'T')
    call text(self, v, 'bounds', 'time_bnds')
    call note(self, nf90_put_var(self%ncid, v, days(1, :) + 14.5_real64), 'write time') ! noon of the 15th
    v = variable(self, 'time_bnds', nf90_double, [bounds, time])
    call note(self, nf90_put_var(self%ncid, v, days), 'write time_bnds')

    v = variable(self, 'member', nf90_int, [member], 'realization', 'ensemble member', '1')
    call note(self, nf90_put_var(self%ncid, v, [(k, k=1, config%members)]), 'write member')

    v = variable(self, 'lat', nf90_double, [lat], 'latitude', 'latitude of the cell centre', 'degrees_north')
    call text(self, v, 'axis', 'Y')
    call text(self, v, 'bounds', 'lat_bnds')
    call note(self, nf90_put_var(self%ncid, v, grid%lat), 'write lat')
    v = variable(self, 'lat_bnds', nf90_double, [bounds, lat])
    call note(self, nf90_put_var(self%ncid, v, grid%lat_bounds), 'write lat_bnds')
    v = variable(self, 'lon', nf90_double, [lon], 'longitude', 'longitude of the cell centre', 'degrees_east')
    call text(self, v, 'axis', 'X')
    call text(self, v, 'bounds', 'lon_bnds')
    call note(self, nf90_put_var(self%ncid, v, grid%lon), 'write lon')
    v = variable(self, 'lon_bnds', nf90_double, [bounds, lon])
    call note(self, nf90_put_var(self%ncid, v, grid%lon_bounds), 'write lon_bnds')
    v = variable(self, 'cell_area', nf90_double, [lon, lat], 'cell_area', 'area of the cell', 'm2')
    call note(self, nf90_put_var(self%ncid, v, spread(grid%row_area, 1, grid%nlon)), 'write cell_area')

    v = variable(self, 'sic', nf90_float, [lon, lat, member, time], 'sea_ice_area_fraction', &
                 'sea-ice concentration', '1')
    call as_field(self, v, grid)
    v = variable(self, 'sit', nf90_float, [lon, lat, member, time], 'sea_ice_thickness', &
                 'effective sea-ice thickness (volume per cell area)', 'm')
    call as_field(self, v, grid)
    self%extent = variable(self, 'extent', nf90_double, [member, time], 'sea_ice_extent', &
                               'area of the cells with a sea-ice concentration of at least 0.15', 'm2')
    self%volume = variable(self, 'volume', nf90_double, [member, time], 'sea_ice_volume', &
                               'sea-ice volume', 'm3')
  end subroutine define

  !> Writes one member's field of one month.
  subroutine write_field(self, name, values, month, member, ierr, errmsg)
    class(host_output_type), intent(inout) :: self
    !> sic [1] or sit [m]
    character(len=*), intent(in) :: name
    !> (nlon, nlat), fill_value where there is none
    real(real32), intent(in) :: values(:, :)
    integer, intent(in) :: month, member
    integer, intent(out) :: ierr
    character(len=*), intent(inout) :: errmsg
    integer :: v

    v = 0
    call note(self, nf90_inq_varid(self%ncid, name, v), 'find '//name)
    call note(self, nf90_put_var(self%ncid, v, values, start=[1, 1, member, month], &
                                 count=[size(values, 1), size(values, 2), 1, 1]), 'write '//name)
    call report(self, ierr, errmsg)
  end subroutine write_field

  !> Writes the totals of one month.
  subroutine write_totals(self, extent, volume, month, ierr, errmsg)
    class(host_output_type), intent(inout) :: self
    !> Extent [m2] and volume [m3], (members)
    real(real64), intent(in) :: extent(:), volume(:)
    integer, intent(in) :: month
    integer, intent(out) :: ierr
    character(len=*), intent(inout) :: errmsg

    call note(self, nf90_put_var(self%ncid, self%extent, extent, start=[1, month], &
                                 count=[size(extent), 1]), 'write extent')
    call note(self, nf90_put_var(self%ncid, self%volume, volume, start=[1, month], &
                                 count=[size(volume), 1]), 'write volume')
    call report(self, ierr, errmsg)
  end subroutine write_totals

  !> Closes the file and gives it its own name.
  subroutine finish(self, ierr, errmsg)
    class(host_output_type), intent(inout) :: self
    integer, intent(out) :: ierr
    character(len=*), intent(inout) :: errmsg
    integer :: ignored

    call note(self, nf90_close(self%ncid), 'close')
    self%is_open = self%status /= nf90_noerr
    call report(self, ierr, errmsg)
    if (ierr /= 0) return
    if (c_rename(c_string(self%partial), c_string(self%path)) /= 0) then
      ierr = 1
      errmsg = "cannot rename '"//trim(self%partial)//"' to '"//trim(self%path)//"'"
      ignored = int(c_remove(c_string(self%partial)))
    end if
  end subroutine finish

  !> Takes an unfinished file away; does nothing when there is none.
  subroutine discard(self)
    class(host_output_type), intent(inout) :: self
    integer :: ignored

    if (.not. self%is_open) return
    ignored = nf90_close(self%ncid)
    ignored = int(c_remove(c_string(self%partial)))
    self%is_open = .false.
  end subroutine discard

  !> Defines a variable with its attributes and gives its id.
  integer function variable(self, name, kind, dimensions, standard_name, long_name, units) result(v)
    class(host_output_type), intent(inout) :: self
    character(len=*), intent(in) :: name
    !> NetCDF type
    integer, intent(in) :: kind
    !> Fastest first
    integer, intent(in) :: dimensions(:)
    !> Absent for the bounds of a coordinate, which inherit them
    character(len=*), intent(in), optional :: standard_name, long_name, units

    v = 0
    call note(self, nf90_def_var(self%ncid, name, kind, dimensions, v), 'define '//name)
    if (present(standard_name)) call text(self, v, 'standard_name', standard_name)
    if (present(long_name)) call text(self, v, 'long_name', long_name)
    if (present(units)) call text(self, v, 'units', units)
  end function variable

  !> What sic and sit have in common.
  subroutine as_field(self, v, grid)
    class(host_output_type), intent(inout) :: self
    integer, intent(in) :: v
    type(host_grid_type), intent(in) :: grid

    call text(self, v, 'cell_measures', 'area: cell_area')
    call note(self, nf90_put_att(self%ncid, v, '_FillValue', fill_value), 'write an attribute')
    call note(self, nf90_def_var_chunking(self%ncid, v, nf90_chunked, [grid%nlon, grid%nlat, 1, 1]), 'chunk')
    call note(self, nf90_def_var_deflate(self%ncid, v, shuffle=1, deflate=1, deflate_level=1), 'compress')
  end subroutine as_field

  subroutine text(self, v, name, value)
    class(host_output_type), intent(inout) :: self
    integer, intent(in) :: v
    character(len=*), intent(in) :: name, value

    call note(self, nf90_put_att(self%ncid, v, name, trim(value)), 'write the attribute '//name)
  end subroutine text

  !> Keeps the first failure; those that follow from it would hide the cause.
  subroutine note(self, status, action)
    class(host_output_type), intent(inout) :: self
    !> NetCDF status
    integer, intent(in) :: status
    character(len=*), intent(in) :: action

    if (status == nf90_noerr .or. self%status /= nf90_noerr) return
    self%status = status
    self%failed = action
  end subroutine note

  subroutine report(self, ierr, errmsg)
    class(host_output_type), intent(in) :: self
    integer, intent(out) :: ierr
    character(len=*), intent(inout) :: errmsg

    ierr = merge(0, 1, self%status == nf90_noerr)
    if (ierr /= 0) errmsg = "NetCDF file '"//trim(self%partial)//"': "//trim(self%failed)//': '// &
                            trim(nf90_strerror(self%status))
  end subroutine report

  pure function c_string(path) result(c)
    character(len=*), intent(in) :: path
    character(kind=c_char) :: c(len_trim(path) + 1)
    integer :: k

    do k = 1, len_trim(path)
      c(k) = path(k:k)
    end do
    c(len_trim(path) + 1) = c_null_char
  end function c_string

end module host_output
