! SPDX-License-Identifier: MIT
!> A global regular longitude-latitude grid, cut into one block per rank.
module host_grid
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use mpi
  implicit none
  private

  public :: host_grid_type

  real(real64), parameter :: pi = acos(-1.0_real64)
  !> Radius of the sphere [m]
  real(real64), parameter :: earth_radius = 6371229.0_real64

  !> One rank's part of the grid: i0..i1 west to east, j0..j1 south to north; may be empty
  type :: block_type
    integer :: i0, i1, j0, j1
  end type block_type

  type :: host_grid_type
    integer :: nlon = 0
    integer :: nlat = 0
    !> Cell centres [degrees], (nlon) from 0 eastward and (nlat) northward
    real(real64), allocatable :: lon(:), lat(:)
    !> Cell edges [degrees], (2, nlon) and (2, nlat)
    real(real64), allocatable :: lon_bounds(:, :), lat_bounds(:, :)
    !> Area of one cell of each row [m2], (nlat)
    real(real64), allocatable :: row_area(:)
    !> Own points as flat lists (points): centres [degrees], cell areas [m2]
    integer :: points = 0
    real(real64), allocatable :: own_lon(:), own_lat(:), own_area(:)
    integer, private :: comm = MPI_COMM_NULL
    integer, private :: rank = 0
    type(block_type), allocatable, private :: blocks(:) ! (0:ranks - 1)
  contains
    procedure :: create
    procedure :: gather
  end type host_grid_type

contains

  !> Lays the grid out over the ranks of a communicator. Collective.
  subroutine create(self, nlon, nlat, comm)
    class(host_grid_type), intent(out) :: self
    !> Cells west to east and south to north
    integer, intent(in) :: nlon, nlat
    !> Communicator of the host
    integer, intent(in) :: comm
    integer :: i, j, n, ranks, dims(2), status

    self%nlon = nlon
    self%nlat = nlat
    self%lon_bounds = edges(0.0_real64, 360.0_real64, nlon)
    self%lat_bounds = edges(-90.0_real64, 90.0_real64, nlat)
    self%lon = 0.5_real64*(self%lon_bounds(1, :) + self%lon_bounds(2, :))
    self%lat = 0.5_real64*(self%lat_bounds(1, :) + self%lat_bounds(2, :))
    ! Every rank computes all rows, not only its own, so that all ranks hold the same bits.
    self%row_area = earth_radius**2*(2.0_real64*pi/nlon)* &
                    (sin(self%lat_bounds(2, :)*pi/180.0_real64) - sin(self%lat_bounds(1, :)*pi/180.0_real64))

    self%comm = comm
    call MPI_Comm_rank(comm, self%rank, status)
    call MPI_Comm_size(comm, ranks, status)
    dims = 0
    call MPI_Dims_create(ranks, 2, dims, status)
    allocate (self%blocks(0:ranks - 1))
    do n = 0, ranks - 1
      i = mod(n, dims(1))
      j = n/dims(1)
      self%blocks(n) = block_type(start(i, dims(1), nlon), start(i + 1, dims(1), nlon) - 1, &
                                  start(j, dims(2), nlat), start(j + 1, dims(2), nlat) - 1)
    end do

    associate (own => self%blocks(self%rank))
      self%points = points_in(own)
      self%own_lon = [((self%lon(i), i=own%i0, own%i1), j=own%j0, own%j1)]
      self%own_lat = [((self%lat(j), i=own%i0, own%i1), j=own%j0, own%j1)]
      self%own_area = [((self%row_area(j), i=own%i0, own%i1), j=own%j0, own%j1)]
    end associate
  end subroutine create

  !> Brings the blocks of all ranks together on rank 0. Collective.
  subroutine gather(self, own, global)
    class(host_grid_type), intent(in) :: self
    !> This rank's values, (points)
    real(real32), intent(in) :: own(:)
    !> The whole field on rank 0, (nlon, nlat); elsewhere untouched and may have no elements
    real(real32), intent(inout) :: global(:, :)
    real(real32), allocatable :: packed(:)
    integer, allocatable :: counts(:), offsets(:)
    integer :: n, status

    allocate (counts(0:ubound(self%blocks, 1)), offsets(0:ubound(self%blocks, 1)))
    counts(:) = points_in(self%blocks)
    offsets(:) = [(sum(counts(:n - 1)), n=0, ubound(counts, 1))]
    allocate (packed(merge(self%nlon*self%nlat, 0, self%rank == 0)))
    call MPI_Gatherv(own, self%points, MPI_REAL4, packed, counts, offsets, MPI_REAL4, 0, self%comm, status)
    if (self%rank /= 0) return
    do n = 0, ubound(self%blocks, 1)
      associate (b => self%blocks(n))
        global(b%i0:b%i1, b%j0:b%j1) = reshape(packed(offsets(n) + 1:offsets(n) + counts(n)), &
                                               [b%i1 - b%i0 + 1, b%j1 - b%j0 + 1])
      end associate
    end do
  end subroutine gather

  !> Lower and upper edges of n equal cells, (2, n).
  pure function edges(first, last, n) result(bounds)
    !> Outer edges [degrees]
    real(real64), intent(in) :: first, last
    integer, intent(in) :: n
    real(real64) :: bounds(2, n)
    integer :: k

    do k = 1, n
      bounds(1, k) = first + (last - first)*(k - 1)/n
      bounds(2, k) = first + (last - first)*k/n
    end do
  end function edges

  !> First index of one of several nearly equal pieces of 1..n.
  pure integer function start(piece, pieces, n)
    !> Piece, from 0; pieces gives n + 1
    integer, intent(in) :: piece
    integer, intent(in) :: pieces, n

    start = 1 + piece*(n/pieces) + min(piece, mod(n, pieces))
  end function start

  elemental integer function points_in(b)
    type(block_type), intent(in) :: b

    points_in = (b%i1 - b%i0 + 1)*(b%j1 - b%j0 + 1)
  end function points_in

end module host_grid
