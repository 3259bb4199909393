C     SPDX-License-Identifier: MIT
C     sNx, sNy: points of a tile;  OLx, OLy: its overlap;  nSx, nSy:
C     tiles of a process;  nPx, nPy: processes;  Nx, Ny: the domain.
      INTEGER sNx, sNy, OLx, OLy, nSx, nSy, nPx, nPy, Nx, Ny
      PARAMETER (sNx = 12, sNy = 10, OLx = 3, OLy = 3)
      PARAMETER (nSx = 2, nSy = 2, nPx = 2, nPy = 1)
      PARAMETER (Nx = sNx*nSx*nPx, Ny = sNy*nSy*nPy)
C     nFlat: a field of one process as a flat list, overlaps included.
      INTEGER nFlat
      PARAMETER (nFlat = (sNx + 2*OLx)*(sNy + 2*OLy)*nSx*nSy)
