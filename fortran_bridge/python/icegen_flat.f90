! SPDX-License-Identifier: MIT
!> The module icegen in the terms that f90wrap takes: emulators as integer handles from 1, no optional arguments, integers for
!> logicals. `ierr` and `errmsg` are as in icegen.
module icegen_flat
  use, intrinsic :: iso_fortran_env, only: real64
  use mpi, only: MPI_Get_library_version, MPI_MAX_LIBRARY_VERSION_STRING
  use icegen, only: icegen_emulator, icegen_fill_categories
  implicit none
  private
  public :: bridge_open, bridge_add_target, bridge_remove_target, bridge_request, bridge_give, bridge_perturb, &
    bridge_observe, bridge_analyse, bridge_test, bridge_receive, bridge_close, bridge_fill_categories, mpi_library

  !> Emulators that may be open at once.
  integer, parameter :: most = 64
  logical, save :: used(most) = .false.
  type(icegen_emulator), save :: emulators(most)

contains

  !> Open an emulator; `handle` is 0 on failure.
  subroutine bridge_open(comm, namelist, handle, ierr, errmsg)
    integer, intent(in) :: comm
    character(len=*), intent(in) :: namelist
    integer, intent(out) :: handle, ierr
    character(len=512), intent(out) :: errmsg
    integer :: free

    handle = 0
    free = findloc(used, .false., dim=1)
    if (free == 0) then
      ierr = 1
      write (errmsg, '(a,i0,a)') 'all ', most, ' emulators are open; close one first'
      return
    end if
    call emulators(free)%open(comm, namelist, ierr, errmsg)
    if (ierr /= 0) return
    used(free) = .true.
    handle = free
  end subroutine bridge_open

  subroutine bridge_add_target(handle, name, lon, lat, distance, ierr, errmsg)
    integer, intent(in) :: handle
    character(len=*), intent(in) :: name
    real(real64), intent(in) :: lon(:), lat(:), distance
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call emulators(handle)%add_target(name, lon, lat, ierr, errmsg, distance=distance)
  end subroutine bridge_add_target

  subroutine bridge_remove_target(handle, name, ierr, errmsg)
    integer, intent(in) :: handle
    character(len=*), intent(in) :: name
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call emulators(handle)%remove_target(name, ierr, errmsg)
  end subroutine bridge_remove_target

  subroutine bridge_request(handle, members, year, day_of_year, slot, first_member, ierr, errmsg)
    integer, intent(in) :: handle, members, year, day_of_year, slot, first_member
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call emulators(handle)%request(members, year, day_of_year, ierr, errmsg, slot, first_member)
  end subroutine bridge_request

  !> `valid` is 0 where a point is left out.
  subroutine bridge_give(handle, target, variable, values, valid, ierr, errmsg)
    integer, intent(in) :: handle
    character(len=*), intent(in) :: target, variable
    real(real64), intent(in) :: values(:)
    integer, intent(in) :: valid(:)
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call emulators(handle)%give(target, variable, values, ierr, errmsg, valid /= 0)
  end subroutine bridge_give

  subroutine bridge_perturb(handle, members, level, year, day_of_year, slot, first_member, ierr, errmsg)
    integer, intent(in) :: handle, members, year, day_of_year, slot, first_member
    real(real64), intent(in) :: level
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call emulators(handle)%perturb(members, level, year, day_of_year, ierr, errmsg, slot, first_member)
  end subroutine bridge_perturb

  !> `valid` is 0 where a point is left out.
  subroutine bridge_observe(handle, target, variable, values, errors, valid, ierr, errmsg)
    integer, intent(in) :: handle
    character(len=*), intent(in) :: target, variable
    real(real64), intent(in) :: values(:), errors(:)
    integer, intent(in) :: valid(:)
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call emulators(handle)%observe(target, variable, values, errors, ierr, errmsg, valid /= 0)
  end subroutine bridge_observe

  subroutine bridge_analyse(handle, members, year, day_of_year, slot, first_member, ierr, errmsg)
    integer, intent(in) :: handle, members, year, day_of_year, slot, first_member
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call emulators(handle)%analyse(members, year, day_of_year, ierr, errmsg, slot, first_member)
  end subroutine bridge_analyse

  !> `ready` is 1 if the request in the slot is done, else 0.
  subroutine bridge_test(handle, slot, ready, ierr, errmsg)
    integer, intent(in) :: handle, slot
    integer, intent(out) :: ready, ierr
    character(len=512), intent(out) :: errmsg
    logical :: done

    call emulators(handle)%test(done, ierr, errmsg, slot)
    ready = merge(1, 0, done)
  end subroutine bridge_test

  !> `valid` is 1 where `values` is written, else 0.
  subroutine bridge_receive(handle, target, variable, member, slot, values, valid, ierr, errmsg)
    integer, intent(in) :: handle, member, slot
    character(len=*), intent(in) :: target, variable
    real(real64), intent(inout) :: values(:)
    integer, intent(inout) :: valid(:)
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg
    logical :: flags(size(valid))

    flags = .false.
    call emulators(handle)%receive(target, variable, member, values, flags, ierr, errmsg, slot)
    valid = merge(1, 0, flags)
  end subroutine bridge_receive

  !> Close an emulator and give its handle back.
  subroutine bridge_close(handle, ierr, errmsg)
    integer, intent(in) :: handle
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call emulators(handle)%close(ierr, errmsg)
    if (ierr == 0) used(handle) = .false.
  end subroutine bridge_close

  !> See icegen_fill_categories.
  subroutine bridge_fill_categories(area, volume, bounds, category_area, category_volume, ierr, errmsg)
    real(real64), intent(in) :: area(:), volume(:), bounds(:)
    real(real64), intent(inout) :: category_area(:, :), category_volume(:, :)
    integer, intent(out) :: ierr
    character(len=512), intent(out) :: errmsg

    call icegen_fill_categories(area, volume, bounds, category_area, category_volume, ierr, errmsg)
  end subroutine bridge_fill_categories

  !> What the MPI behind the bridge says of itself.
  subroutine mpi_library(text)
    character(len=512), intent(out) :: text
    character(len=MPI_MAX_LIBRARY_VERSION_STRING) :: version
    integer :: length, ierr

    call MPI_Get_library_version(version, length, ierr)
    text = version(:length)
  end subroutine mpi_library

end module icegen_flat
