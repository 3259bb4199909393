! SPDX-License-Identifier: MIT
!> An emulator opened by a host that uses mpi_f08: test_f08 FOLDER, a folder made by tests/tiny.py.
program test_f08
  use mpi_f08
  use icegen, only: icegen_emulator
  use icegen_f08, only: icegen_open
  implicit none
  type(icegen_emulator) :: ice
  character(len=512) :: folder, errmsg
  integer :: ierr

  call MPI_Init()
  call get_command_argument(1, folder)
  call icegen_open(ice, MPI_COMM_WORLD, trim(folder)//'/nowhere.nml', ierr, errmsg)
  if (ierr /= 2 .or. index(errmsg, 'nowhere.nml') == 0) error stop 'no namelist'
  call icegen_open(ice, MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
  if (ierr /= 0) error stop 'open'
  call ice%close(ierr, errmsg)
  if (ierr /= 0) error stop 'close'
  call MPI_Finalize()
end program test_f08
