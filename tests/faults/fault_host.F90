! SPDX-License-Identifier: MIT
!> What the Fortran hosts of this folder share, under MPI and without, as host.h does for those in C: ranks, a namelist,
!> and checks. Their arguments are FOLDER, which tests/tiny.py made, and BACKEND.
module fault_host
#ifdef ICEGEN_TEST_MPI
  use mpi
#endif
  implicit none
  private
  public :: host_begin, host_end, check

  integer, public, protected :: rank = 0, ranks = 1
  integer, public, protected :: world = 0, alone = 0  !> communicators: all ranks, this rank
  character(len=600), public, protected :: namelist

contains

  !> Write the namelist of a program, which only the first rank reads.
  subroutine host_begin(name)
    character(len=*), intent(in) :: name
    character(len=512) :: folder, backend
    integer :: unit
#ifdef ICEGEN_TEST_MPI
    integer :: ierr

    call MPI_Init(ierr)
    world = MPI_COMM_WORLD
    alone = MPI_COMM_SELF
    call MPI_Comm_rank(world, rank, ierr)
    call MPI_Comm_size(world, ranks, ierr)
#endif
    call get_command_argument(1, folder)
    call get_command_argument(2, backend)
    write (namelist, '(4a,i0,a)') trim(folder), '/', name, '_', ranks, '.nml'
    if (rank /= 0) return
    open (newunit=unit, file=trim(namelist), status='replace', action='write')
    write (unit, '(5a)') "&icegen_nml archive = '", trim(folder), "/tiny.pt', backend = '", trim(backend), "' /"
    close (unit)
  end subroutine host_begin

  subroutine host_end()
#ifdef ICEGEN_TEST_MPI
    integer :: ierr

    call MPI_Finalize(ierr)
#endif
  end subroutine host_end

  subroutine check(fine, what)
    logical, intent(in) :: fine
    character(len=*), intent(in) :: what
    if (fine) return
    print '(a,i0,2a)', 'FAILED on rank ', rank, ': ', trim(what)
    error stop 1
  end subroutine check

end module fault_host
