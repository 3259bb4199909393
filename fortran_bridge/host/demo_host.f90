! SPDX-License-Identifier: MIT
!> A small host model that takes its sea ice from icegen, month by month, through one year.
!>
!> Usage: mpirun -n 4 demo_host [host.nml]
program demo_host
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: iso_fortran_env, only: error_unit, output_unit, real32, real64
  use mpi
  use host_calendar, only: days_before_month, month_names
  use host_config, only: host_config_type, message_length, path_length, read_config
  use host_diagnostics, only: ice_totals
  use host_grid, only: host_grid_type
  use host_output, only: fill_value, host_output_type
  use icegen, only: icegen_emulator
  implicit none

  !> Stands for the host's own surface points in icegen
  character(len=*), parameter :: target_name = 'T'
  integer, parameter :: middle = 15 ! day of the month

  type(host_config_type) :: config
  type(host_grid_type) :: grid
  type(host_output_type) :: output
  type(icegen_emulator) :: ice
  logical :: ice_is_open
  real(real64), allocatable :: sic(:, :), sit(:, :) ! (points, members), 0 where there is none
  real(real64), allocatable :: extent(:), volume(:) ! (members)
  real(real32), allocatable :: field(:, :)          ! (nlon, nlat) on rank 0
  character(len=path_length) :: namelist_file
  character(len=message_length) :: errmsg
  integer :: rank, ranks, month, member, ierr, status

  interface
    subroutine c_exit(code) bind(c, name='_Exit')
      import :: c_int
      integer(c_int), value :: code
    end subroutine c_exit
  end interface

  call MPI_Init(status)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, status)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, status)
  ice_is_open = .false.
  errmsg = ''

  namelist_file = 'host.nml'
  if (command_argument_count() > 0) call get_command_argument(1, namelist_file)
  call read_config(namelist_file, MPI_COMM_WORLD, config, ierr, errmsg)
  call stop_on_error(ierr, errmsg)

  call grid%create(config%nlon, config%nlat, MPI_COMM_WORLD)
  if (rank == 0) call output%create(config, grid, ierr, errmsg)
  call stop_on_root_error(ierr, errmsg)

  allocate (sic(grid%points, config%members), sit(grid%points, config%members))
  allocate (extent(config%members), volume(config%members))
  allocate (field(merge(grid%nlon, 0, rank == 0), merge(grid%nlat, 0, rank == 0)))
  sic = 0.0_real64
  sit = 0.0_real64

  call ice%open(MPI_COMM_WORLD, trim(config%icegen_config), ierr, errmsg)
  call stop_on_error(ierr, errmsg)
  ice_is_open = .true.
  call ice%add_target(target_name, grid%own_lon, grid%own_lat, ierr, errmsg)
  call stop_on_error(ierr, errmsg)

  if (rank == 0) call print_header()
  do month = 1, 12
    if (config%level >= 0) then
      call give('sic')
      call give('sit')
      call ice%perturb(config%members, config%level, config%year, day_of(month), ierr, errmsg)
    else if (config%error > 0) then
      call observe('sic')
      call ice%analyse(config%members, config%year, day_of(month), ierr, errmsg)
    else
      call ice%request(config%members, config%year, day_of(month), ierr, errmsg)
    end if
    call stop_on_error(ierr, errmsg)

    ! The host's own physics would run here, while the sea ice is generated.

    do member = 1, config%members
      call receive('sic', member, sic(:, member))
      call receive('sit', member, sit(:, member))
    end do
    call ice_totals(MPI_COMM_WORLD, grid%own_area, sic, sit, extent, volume)
    if (rank == 0) call output%write_totals(extent, volume, month, ierr, errmsg)
    call stop_on_root_error(ierr, errmsg)
    if (rank == 0) call print_month()
  end do

  ice_is_open = .false.
  call ice%close(ierr, errmsg)
  call stop_on_error(ierr, errmsg)
  if (rank == 0) call output%finish(ierr, errmsg)
  call stop_on_root_error(ierr, errmsg)
  if (rank == 0) write (output_unit, '(2a)') 'written: ', trim(config%output)
  call MPI_Finalize(status)

contains

  !> The day of the year on which a month's ice is asked for.
  integer function day_of(month)
    integer, intent(in) :: month
    day_of = days_before_month(config%year, month) + middle
  end function day_of

  !> Gives one field of the host's own ice to icegen.
  subroutine give(name)
    character(len=*), intent(in) :: name
    real(real64) :: own(grid%points)
    logical :: valid(grid%points)

    call other_member(name, own, valid)
    call ice%give(target_name, name, own, ierr, errmsg, valid)
    call stop_on_error(ierr, errmsg)
  end subroutine give

  !> Tells icegen what was observed at every tenth column of the grid.
  subroutine observe(name)
    character(len=*), intent(in) :: name
    integer, parameter :: every = 10
    real(real64) :: values(grid%points)
    logical :: valid(grid%points)

    call other_member(name, values, valid)
    valid = valid .and. mod(int(grid%own_lon*grid%nlon/360), every) == 0
    call ice%observe(target_name, name, values, spread(config%error, 1, grid%points), ierr, errmsg, valid)
    call stop_on_error(ierr, errmsg)
  end subroutine observe

  !> One field of another member. It stands for the ice that a model has computed, or for what was observed.
  subroutine other_member(name, values, valid)
    character(len=*), intent(in) :: name
    real(real64), intent(out) :: values(:)
    logical, intent(out) :: valid(:)
    integer, parameter :: slot = 2
    integer :: other

    other = config%members + 1
    values = 0.0_real64
    call ice%request(1, config%year, day_of(month), ierr, errmsg, slot, first_member=other)
    call stop_on_error(ierr, errmsg)
    call ice%receive(target_name, name, other, values, valid, ierr, errmsg, slot)
    call stop_on_error(ierr, errmsg)
  end subroutine other_member

  !> Takes one member's field of this month from icegen and passes it on to the file.
  subroutine receive(name, member, values)
    character(len=*), intent(in) :: name
    integer, intent(in) :: member
    !> (points), in the variable's unit; points without sea ice keep their values
    real(real64), intent(inout) :: values(:)
    logical :: valid(size(values))

    call ice%receive(target_name, name, member, values, valid, ierr, errmsg)
    call stop_on_error(ierr, errmsg)
    call grid%gather(merge(real(values, real32), fill_value, valid), field)
    if (rank == 0) call output%write_field(name, field, month, member, ierr, errmsg)
    call stop_on_root_error(ierr, errmsg)
  end subroutine receive

  subroutine print_header()
    write (output_unit, '(a, 4(i0, a), i0)') 'demo_host: ', grid%nlon, ' x ', grid%nlat, ' points on ', ranks, &
       ' ranks, ', config%members, ' members, year ', config%year
    write (output_unit, '(a, t8, a)') 'month', &
       'extent [million km2] and volume [1000 km3] of each member'
    flush (output_unit)
  end subroutine print_header

  subroutine print_month()
    write (output_unit, '(a, t8, a, *(f7.2))', advance='no') month_names(month), 'extent', extent*1e-12_real64
    write (output_unit, '(a, *(f7.2))') '   volume', volume*1e-12_real64
    flush (output_unit) ! each month shows when it is done, also through mpirun
  end subroutine print_month

  !> Ends the run on all ranks if something failed on rank 0. Collective.
  subroutine stop_on_root_error(ierr, errmsg)
    !> Status on rank 0
    integer, intent(in) :: ierr
    character(len=*), intent(in) :: errmsg
    integer :: agreed

    agreed = ierr
    call MPI_Bcast(agreed, 1, MPI_INTEGER, 0, MPI_COMM_WORLD, status)
    call stop_on_error(agreed, errmsg)
  end subroutine stop_on_root_error

  !> Ends the run on all ranks if something failed on all of them. Collective.
  subroutine stop_on_error(ierr, errmsg)
    !> Status, the same on every rank
    integer, intent(in) :: ierr
    character(len=*), intent(in) :: errmsg
    integer :: ignored
    character(len=message_length) :: other

    if (ierr == 0) return
    if (rank == 0) then
      call output%discard()
      write (error_unit, '(2a)') 'demo_host: ', trim(errmsg)
      flush (error_unit)
    end if
    flush (output_unit)
    if (ice_is_open) call ice%close(ignored, other)
    call MPI_Finalize(status)
    ! Not STOP, which would add a line of its own for each rank; and not C's exit, where HDF5 crashes over a file
    ! that it could not close, as on a full disk.
    call c_exit(1_c_int)
  end subroutine stop_on_error

end program demo_host
