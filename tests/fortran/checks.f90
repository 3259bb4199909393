! SPDX-License-Identifier: MIT
!> What the tests in Fortran share: their arguments, the last call's answer, and checks of it that all ranks make.
module checks
  use, intrinsic :: iso_fortran_env, only: error_unit
  use mpi
  implicit none
  public

  !> the arguments: a folder made by tests/tiny.py, in which the program may write, and the library of a backend
  character(len=512) :: folder, backend
  character(len=512) :: errmsg
  character(len=:), allocatable :: name
  integer :: rank, ranks, ierr
  integer, private :: failures = 0
  logical :: all_heard_the_same

contains

  !> Start MPI and read the arguments. program_name: distinguishes the program's files.
  subroutine begin_checks(program_name)
    character(len=*), intent(in) :: program_name

    name = program_name
    call MPI_Init(ierr)
    call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
    call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierr)
    call get_command_argument(1, folder)
    call get_command_argument(2, backend)
  end subroutine begin_checks

  !> End MPI, and the program with status 1 if a check failed on any rank.
  subroutine end_checks()
    call MPI_Allreduce(MPI_IN_PLACE, failures, 1, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, ierr)
    if (rank == 0) print '(a)', trim(merge('all checks passed ', 'some checks failed', failures == 0))
    call MPI_Finalize(ierr)
    if (failures /= 0) stop 1, quiet=.true.
  end subroutine end_checks

  !> The entry of a namelist that names the tiny archive.
  function tiny_archive()
    character(len=:), allocatable :: tiny_archive
    tiny_archive = 'archive = "'//trim(folder)//'/tiny.pt"'
  end function tiny_archive

  !> A namelist of this program on this number of ranks.
  function scratch()
    character(len=:), allocatable :: scratch
    character(len=12) :: digits
    write (digits, '(i0)') ranks
    scratch = trim(folder)//'/'//name//'_'//trim(digits)//'.nml'
  end function scratch

  !> Write the scratch namelist; all ranks wait for it.
  subroutine write_namelist(text)
    character(len=*), intent(in) :: text
    integer :: unit, ignored

    if (rank == 0) then
      open (newunit=unit, file=scratch(), status='replace', action='write')
      write (unit, '(a)') text
      close (unit)
    end if
    call MPI_Barrier(MPI_COMM_WORLD, ignored)
  end subroutine write_namelist

  !> The last call's ierr and errmsg: the wanted status, the same on all ranks, and a message of one line with `words`.
  subroutine expect(status, words, what)
    integer, intent(in) :: status
    character(len=*), intent(in) :: words, what
    integer :: extremes(2), ignored
    character(len=len(errmsg)) :: first

    call MPI_Allreduce([ierr, -ierr], extremes, 2, MPI_INTEGER, MPI_MAX, MPI_COMM_WORLD, ignored)
    first = errmsg
    call MPI_Bcast(first, len(first), MPI_CHARACTER, 0, MPI_COMM_WORLD, ignored)
    all_heard_the_same = extremes(1) == -extremes(2) .and. first == errmsg
    call check(all_heard_the_same, what//': the same on all ranks')
    call check(ierr == status, what//': status')
    call check(index(errmsg, words) > 0 .and. index(trim(errmsg), new_line('a')) == 0, what//': message')
    call check((status == 0) .eqv. (len_trim(errmsg) == 0), what//': a message when it fails, else none')
  end subroutine expect

  subroutine check(fine, what)
    logical, intent(in) :: fine
    character(len=*), intent(in) :: what
    if (fine) return
    failures = failures + 1
    write (error_unit, '(a,i0,5a,i0)') 'FAILED on rank ', rank, ': ', what, ' (message: ', trim(errmsg), ') ierr ', ierr
  end subroutine check

end module checks
