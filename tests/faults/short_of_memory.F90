! SPDX-License-Identifier: MIT
!> Memory that runs short in the Fortran module on the last rank: all ranks hear the same error, no rank ends, and the
!> same call works once there is memory. short_of_memory FOLDER BACKEND, a folder made by tests/tiny.py.
program short_of_memory
  use, intrinsic :: iso_c_binding, only: c_int64_t
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use fault_host, only: check, host_begin, host_end, namelist, rank, ranks, world
  use icegen, only: icegen_emulator
  implicit none
  interface
    !> Of this process, beyond what it has now.
    subroutine limit_memory(bytes) bind(c)
      import :: c_int64_t
      integer(c_int64_t), value :: bytes
    end subroutine limit_memory
  end interface
  integer(c_int64_t), parameter :: little = 4 * 1024 * 1024, plenty = -1
  integer, parameter :: many = 80 * 1000 * 1000
  type(icegen_emulator) :: ice
  ! The pages of large ones are never touched, since the calls fail before, so they take no memory.
  real(real64), allocatable :: lonlat8(:, :), values8(:, :)
  real(real32), allocatable :: lonlat4(:, :), values4(:, :)
  integer, allocatable :: cells(:)
  logical, allocatable :: valid(:)
  integer :: ierr, n
  character(len=512) :: message

  call host_begin('short_of_memory')
  call ice%open(world, trim(namelist), ierr, message)
  call check(ierr == 0, 'open: '//message)
  call ice%add_target('pole', [0.0], [90.0], ierr, message)
  call check(ierr == 0, 'target: '//message)
  call ice%request(1, 2001, 20, ierr, message)
  call check(ierr == 0, 'request: '//message)

  n = merge(many, 1, rank == ranks - 1)
  allocate (lonlat8(2, n), lonlat4(2, n), values8(2, n), values4(2, n), cells(n), valid(n))
  if (n == 1) then
    lonlat8(:, 1) = 0
    lonlat4(:, 1) = 0
    values8(:, 1) = 0
    values4(:, 1) = 0
    cells(1) = 0
  else
    call limit_memory(little)
  end if
  call ice%add_target('sections', lonlat8(1, :), lonlat8(2, :), ierr, message)
  call expect_short('sections of double precision')
  call ice%add_target('sections', lonlat4(1, :), lonlat4(2, :), ierr, message)
  call expect_short('sections of single precision')
  call ice%add_target('weights', lonlat4(1, :1), lonlat4(2, :1), ierr, message, weights='nowhere.nc', cells=cells)
  call expect_short('cells')
  call ice%receive('pole', 'sic', 1, values8(1, :), valid(:1), ierr, message)
  call expect_short('a section to receive in double precision')
  call ice%receive('pole', 'sic', 1, values4(1, :), valid(:1), ierr, message)
  call expect_short('a section to receive in single precision')
  call ice%receive('pole', 'sic', 1, values8(1, :1), valid, ierr, message)
  call expect_short('flags')
  call ice%give('pole', 'sic', values8(1, :), ierr, message, valid(:1))
  call expect_short('a section to give in double precision')
  call ice%give('pole', 'sic', values4(1, :), ierr, message, valid(:1))
  call expect_short('a section to give in single precision')
  call ice%give('pole', 'sic', values8(1, :1), ierr, message, valid)
  call expect_short('flags to give')
  call limit_memory(plenty)

  values8(1, 1) = -1
  values8(2, 1) = -7
  call ice%receive('pole', 'sic', 1, values8(:1, 1), valid(:1), ierr, message)
  call check(ierr == 0 .and. valid(1) .and. abs(values8(1, 1) - 0.0012) < 1e-6 .and. values8(2, 1) < -6, 'receive')
  call ice%close(ierr)
  call host_end()

contains

  subroutine expect_short(what)
    character(len=*), intent(in) :: what
    call check(ierr == 6 .and. index(message, 'out of memory') > 0, what//': '//message)
  end subroutine expect_short

end program short_of_memory
