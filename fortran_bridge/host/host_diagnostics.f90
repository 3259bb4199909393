! SPDX-License-Identifier: MIT
!> Extent and volume of the sea ice.
module host_diagnostics
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use mpi
  implicit none
  private

  public :: ice_totals

  !> Concentration from which a cell counts as ice-covered
  real(real64), parameter :: extent_threshold = 0.15_real64

contains

  !> Extent and volume over all ranks, for each member; the same bits for any number of ranks. Collective.
  subroutine ice_totals(comm, area, sic, sit, extent, volume)
    !> Communicator of the host
    integer, intent(in) :: comm
    !> Cell areas [m2], (points)
    real(real64), intent(in) :: area(:)
    !> Concentration [1] and effective thickness [m], (points, members); 0 where there is none
    real(real64), intent(in) :: sic(:, :), sit(:, :)
    !> Area of the cells with a concentration of at least 0.15 [m2], (members)
    real(real64), intent(out) :: extent(:)
    !> Ice volume [m3], (members)
    real(real64), intent(out) :: volume(:)
    ! Rounded sums of reals depend on their order, and with it on the number of ranks; sums of integers do not.
    ! Whole m2 and m3 cost 1e-10 of a one-degree cell, and int64 holds a world under 10 km of ice.
    integer(int64), allocatable :: own(:, :), total(:, :) ! (members, 2)
    integer :: k, members, status

    members = size(sic, 2)
    allocate (own(members, 2), total(members, 2))
    do k = 1, members
      own(k, 1) = sum(nint(area, int64), mask=sic(:, k) >= extent_threshold)
      own(k, 2) = sum(nint(sit(:, k)*area, int64))
    end do
    call MPI_Allreduce(own, total, size(own), MPI_INTEGER8, MPI_SUM, comm, status)
    extent = real(total(:, 1), real64)
    volume = real(total(:, 2), real64)
  end subroutine ice_totals

end module host_diagnostics
