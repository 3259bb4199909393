! SPDX-License-Identifier: MIT
!> Example 5, data assimilation with PDAF: its call-back init_ens_pdaf gives the members of icegen as the first ensemble.
!>
!>     mpif90 -c pdaf_init_ens.f90 $(pkg-config --cflags icegen)      (with the kind of REAL that PDAF is compiled with)
!>
!> Before PDAF_init, each process of the filter fills icegen_ensemble. Its part of the state is concentration at its
!> points, then volume over area [m]. Where icegen has no ice to give, state_p stays in all members.
module icegen_ensemble
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none
  private
  !> Communicator of the filter's processes; the library's namelist
  integer, public :: comm
  character(len=512), public :: config = 'icegen.nml'
  !> Date of the ice, whose calendar the namelist names
  integer, public :: year, day_of_year
  !> This process's points [degrees], and km within which points on the archive's land take its nearest ocean
  real(real64), allocatable, public :: lon(:), lat(:)
  real(real64), public :: distance = 50
end module icegen_ensemble

!> The arguments are PDAF's; all processes of the filter call it. A failure sets flag, with a line on the error unit.
subroutine init_ens_pdaf(filtertype, dim_p, dim_ens, state_p, uinv, ens_p, flag)
  use, intrinsic :: iso_fortran_env, only: error_unit
  use icegen, only: icegen_emulator
  use icegen_ensemble, only: comm, config, year, day_of_year, lon, lat, distance
  implicit none
  !> Filter, size of this process's part of the state, size of the ensemble
  integer, intent(in) :: filtertype, dim_p, dim_ens
  !> This process's part of the state
  real, intent(inout) :: state_p(dim_p)
  !> Of SEIK's covariance; not used
  real, intent(inout) :: uinv(dim_ens - 1, dim_ens - 1)
  !> This process's part of the ensemble
  real, intent(out) :: ens_p(dim_p, dim_ens)
  !> 0 if all went well
  integer, intent(inout) :: flag

  type(icegen_emulator) :: ice
  logical :: valid(size(lon))
  character(len=512) :: errmsg
  integer :: n, member, ierr, closed

  n = size(lon)
  if (dim_p /= 2*n) then
    flag = 1
    write (error_unit, '(a,i0,a,i0)') 'icegen: dim_p is ', dim_p, '; wanted concentration and volume of the points, ', 2*n
    return
  end if
  ens_p = spread(state_p, 2, dim_ens)

  call ice%open(comm, trim(config), ierr, errmsg)
  if (ierr == 0) call ice%add_target('T', lon, lat, ierr, errmsg, distance=distance)
  if (ierr == 0) call ice%request(dim_ens, year, day_of_year, ierr, errmsg)
  do member = 1, dim_ens
    if (ierr == 0) call ice%receive('T', 'sic', member, ens_p(:n, member), valid, ierr, errmsg)
    if (ierr == 0) call ice%receive('T', 'sit', member, ens_p(n + 1:, member), valid, ierr, errmsg)
  end do
  if (ierr == 0) state_p = sum(ens_p, 2)/dim_ens
  if (ierr /= 0) then
    flag = 1
    write (error_unit, '(2a)') 'icegen: ', trim(errmsg)
  end if
  call ice%close(closed)
end subroutine init_ens_pdaf
