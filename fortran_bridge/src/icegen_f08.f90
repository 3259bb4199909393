! SPDX-License-Identifier: MIT
!> For hosts that use mpi_f08: opens an emulator with its communicators.
module icegen_f08
  use icegen, only: icegen_emulator
  use mpi_f08, only: MPI_Comm
  implicit none
  private
  public :: icegen_open

contains

  !> As emulator%open.
  subroutine icegen_open(emulator, comm, namelist, ierr, errmsg)
    type(icegen_emulator), intent(inout) :: emulator
    type(MPI_Comm), intent(in) :: comm
    character(len=*), intent(in) :: namelist
    integer, intent(out) :: ierr
    character(len=*), intent(inout), optional :: errmsg

    call emulator%open(comm%MPI_VAL, namelist, ierr, errmsg)
  end subroutine icegen_open

end module icegen_f08
