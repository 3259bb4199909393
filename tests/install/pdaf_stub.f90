! SPDX-License-Identifier: MIT
!> In place of PDAF: calls init_ens_pdaf through the interface that PDAF declares for it, and prints the ensemble's means.
program pdaf_stub
  use, intrinsic :: iso_fortran_env, only: real64
  use mpi
  use icegen_ensemble, only: comm, config, year, day_of_year, lon, lat
  implicit none

  abstract interface
    subroutine init_ens(filtertype, dim_p, dim_ens, state_p, uinv, ens_p, flag)
      integer, intent(in) :: filtertype, dim_p, dim_ens
      real, intent(inout) :: state_p(dim_p)
      real, intent(inout) :: uinv(dim_ens - 1, dim_ens - 1)
      real, intent(out) :: ens_p(dim_p, dim_ens)
      integer, intent(inout) :: flag
    end subroutine init_ens
  end interface
  procedure(init_ens) :: init_ens_pdaf

  integer, parameter :: dim_ens = 3, points = 12
  real, allocatable :: state(:), uinv(:, :), ens(:, :)
  real(real64) :: sums(2, dim_ens), totals(2, dim_ens)
  integer :: rank, ranks, i, flag, status, extra
  character(len=8) :: argument

  call MPI_Init(status)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, status)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, status)
  call get_command_argument(1, config)
  call get_command_argument(2, argument)
  extra = len_trim(argument) ! another size of the state than that of the points
  comm = MPI_COMM_WORLD
  year = 2001
  day_of_year = 75
  lon = [(real(30*i, real64), i=rank + 1, points, ranks)]
  lat = [(merge(-70.0_real64, 75.0_real64 + i, i == points), i=rank + 1, points, ranks)]
  allocate (state(2*size(lon) + extra), uinv(dim_ens - 1, dim_ens - 1), ens(2*size(lon) + extra, dim_ens))
  state = 0.5
  flag = 0
  call init_ens_pdaf(6, size(state), dim_ens, state, uinv, ens, flag)
  if (flag /= 0) then
    call MPI_Finalize(status)
    stop 3
  end if
  do i = 1, dim_ens
    sums(:, i) = [sum(real(ens(:size(lon), i), real64)), sum(real(ens(size(lon) + 1:, i), real64))]
  end do
  call MPI_Reduce(sums, totals, 2*dim_ens, MPI_DOUBLE_PRECISION, MPI_SUM, 0, MPI_COMM_WORLD, status)
  if (rank == 0) print '(2f12.5)', totals/points
  call MPI_Finalize(status)
end program pdaf_stub
