! SPDX-License-Identifier: MIT
!> What the user of the demonstration host may choose: the namelist group &host_nml.
module host_config
  use, intrinsic :: iso_fortran_env, only: iostat_end, real64
  use mpi
  implicit none
  private

  public :: host_config_type, read_config, message_length, path_length

  integer, parameter :: message_length = 2048
  integer, parameter :: path_length = 1024
  ! Before 1583 the CF "standard" calendar is the Julian one.
  integer, parameter :: first_year = 1583, last_year = 9999

  type :: host_config_type
    !> Points of the global grid, west to east and south to north
    integer :: nlon = 360
    integer :: nlat = 180
    !> Calendar year to run, January to December
    integer :: year = 2007
    !> Ensemble members of the sea ice
    integer :: members = 3
    !> 0 to 1: the members lie this far from the host's own ice; below 0: they are generated from the date alone
    real(real64) :: level = -1.0_real64
    !> above 0: the members agree with concentrations that the host observed with this error; 0: it observed nothing
    real(real64) :: error = 0.0_real64
    !> NetCDF file to write
    character(len=path_length) :: output = 'demo_host.nc'
    !> File that holds &icegen_nml; blank: the file that holds &host_nml
    character(len=path_length) :: icegen_config = ''
  end type host_config_type

contains

  !> Reads and checks the settings on rank 0 and gives them to all ranks. Collective.
  subroutine read_config(path, comm, config, ierr, errmsg)
    !> Namelist file; used on rank 0 only
    character(len=*), intent(in) :: path
    !> Communicator of the host
    integer, intent(in) :: comm
    !> Settings, the same on every rank
    type(host_config_type), intent(out) :: config
    !> 0, or 1 with errmsg set on rank 0; the same on every rank
    integer, intent(out) :: ierr
    character(len=*), intent(inout) :: errmsg
    integer :: numbers(5), rank, status

    call MPI_Comm_rank(comm, rank, status)
    ierr = 0
    if (rank == 0) then
      call read_group(path, config, ierr, errmsg)
      if (ierr == 0) call check(config, path, ierr, errmsg)
    end if
    numbers = [ierr, config%nlon, config%nlat, config%year, config%members]
    call MPI_Bcast(numbers, size(numbers), MPI_INTEGER, 0, comm, status)
    ierr = numbers(1)
    config%nlon = numbers(2)
    config%nlat = numbers(3)
    config%year = numbers(4)
    config%members = numbers(5)
    call MPI_Bcast(config%level, 1, MPI_DOUBLE_PRECISION, 0, comm, status)
    call MPI_Bcast(config%error, 1, MPI_DOUBLE_PRECISION, 0, comm, status)
    call MPI_Bcast(config%output, path_length, MPI_CHARACTER, 0, comm, status)
    call MPI_Bcast(config%icegen_config, path_length, MPI_CHARACTER, 0, comm, status)
  end subroutine read_config

  !> Reads &host_nml over the defaults.
  subroutine read_group(path, config, ierr, errmsg)
    character(len=*), intent(in) :: path
    type(host_config_type), intent(inout) :: config
    integer, intent(out) :: ierr
    character(len=*), intent(inout) :: errmsg
    integer :: nlon, nlat, year, members, unit, status
    real(real64) :: level, error
    ! One character more than a path may have, to notice one that is cut off.
    character(len=path_length + 1) :: output, icegen_config
    character(len=message_length) :: reason
    namelist /host_nml/ nlon, nlat, year, members, level, error, output, icegen_config

    nlon = config%nlon
    nlat = config%nlat
    year = config%year
    members = config%members
    level = config%level
    error = config%error
    output = config%output
    icegen_config = config%icegen_config

    ierr = 1
    reason = ''
    open (newunit=unit, file=path, status='old', action='read', form='formatted', iostat=status, iomsg=reason)
    if (status /= 0) then
      errmsg = "cannot open the namelist file '"//trim(path)//"': "//trim(reason)
      return
    end if
    read (unit, nml=host_nml, iostat=status, iomsg=reason)
    close (unit)
    if (status == iostat_end) then
      errmsg = trim(path)//': the group &host_nml ... / is missing, incomplete, or holds a value of the wrong type'
    else if (status /= 0) then
      errmsg = trim(path)//': &host_nml: '//trim(reason)
    else if (len_trim(output) > path_length .or. len_trim(icegen_config) > path_length) then
      write (errmsg, '(a, i0, a)') trim(path)//': &host_nml: a path is longer than ', path_length, ' characters'
    else
      ierr = 0
    end if
    if (ierr /= 0) return

    config%nlon = nlon
    config%nlat = nlat
    config%year = year
    config%members = members
    config%level = level
    config%error = error
    config%output = output(:path_length)
    config%icegen_config = icegen_config(:path_length)
    if (len_trim(icegen_config) == 0) config%icegen_config = path
  end subroutine read_group

  !> Refuses settings that no run can honour.
  subroutine check(config, path, ierr, errmsg)
    type(host_config_type), intent(in) :: config
    character(len=*), intent(in) :: path
    integer, intent(out) :: ierr
    character(len=*), intent(inout) :: errmsg
    character(len=message_length) :: reason

    reason = ''
    if (config%nlon < 4 .or. config%nlat < 2) then
      write (reason, '(a, i0, a, i0, a)') 'nlon = ', config%nlon, ', nlat = ', config%nlat, &
         ', wanted at least 4 and 2'
    else if (config%year < first_year .or. config%year > last_year) then
      write (reason, '(a, i0, a, i0, a, i0)') 'year = ', config%year, ', wanted ', first_year, ' to ', last_year
    else if (config%members < 1) then
      write (reason, '(a, i0, a)') 'members = ', config%members, ', wanted at least 1'
    else if (.not. config%level <= 1) then
      write (reason, '(a, g0.4, a)') 'level = ', config%level, ', wanted 0 to 1, or less than 0'
    else if (.not. (config%error >= 0 .and. config%error <= 1)) then
      write (reason, '(a, g0.4, a)') 'error = ', config%error, ', wanted 0 to 1'
    else if (config%level >= 0 .and. config%error > 0) then
      reason = 'level and error are both given, wanted one of them'
    else if (len_trim(config%output) == 0) then
      reason = 'output is blank, wanted the path of the NetCDF file'
    end if
    ierr = merge(1, 0, len_trim(reason) > 0)
    if (ierr /= 0) errmsg = trim(path)//': &host_nml: '//trim(reason)
  end subroutine check

end module host_config
