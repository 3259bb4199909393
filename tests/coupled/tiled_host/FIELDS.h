C     SPDX-License-Identifier: MIT
C     XC, YC: centres;  XG, YG: south-western corners (degrees).
C     AREA, HEFF at the centres; AREAU and AREAV where the velocities
C     of a C grid lie: U at (XG, YC), V at (XC, YG).
      _RL XC(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      _RL YC(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      _RL XG(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      _RL YG(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      COMMON /GRID_RL/ XC, YC, XG, YG
      _RL AREA(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      _RL HEFF(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      _RL AREAU(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      _RL AREAV(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      COMMON /SEAICE_DYNVARS/ AREA, HEFF, AREAU, AREAV
      LOGICAL MASKT(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      LOGICAL MASKU(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      LOGICAL MASKV(1-OLx:sNx+OLx, 1-OLy:sNy+OLy, nSx, nSy)
      COMMON /SEAICE_MASKS/ MASKT, MASKU, MASKV
      INTEGER myProcId, icegenHandle
      COMMON /HOST_PARAMS/ myProcId, icegenHandle
