C     SPDX-License-Identifier: MIT
C     Example 2, a host in fixed form: it asks for one sea-ice state a
C     month, a month ahead.
C
C         mpif77 fixed_form.f -o fixed_form \
C             $(pkg-config --libs icegen)
C         mpirun -n 4 fixed_form icegen.nml 2007
C
C     The host's points are circles of latitude, dealt to the ranks in
C     turn. It prints the ice area and volume of each month; README.md
C     has the expected output.
      PROGRAM FIXED
      IMPLICIT NONE
      INCLUDE 'mpif.h'
      INTEGER NLON, NLAT, MEMBER
      PARAMETER (NLON = 120, NLAT = 45, MEMBER = 1)
C     This rank's points (degrees), their areas (m2), and the ice there:
C     concentration (1), effective thickness (m).
      REAL*8 XC(NLON*NLAT), YC(NLON*NLAT), RA(NLON*NLAT)
      REAL*8 AREA(NLON*NLAT), HEFF(NLON*NLAT)
      LOGICAL VALID(NLON*NLAT)
      COMMON /POINTS/ XC, YC, RA
      COMMON /ICE/ AREA, HEFF, VALID
      REAL*8 DEGREE, DLON, DLAT, SOUTH, MINE(2), TOTAL(2)
      CHARACTER*512 NMLFIL, ARG
      INTEGER MYID, NPROCS, YEAR, MONTH, N, I, J, K, IH, IERR, SLOT
      INTEGER MIDDLE(12)
      DATA MIDDLE /15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319,
     &             349/

      CALL MPI_INIT(IERR)
      CALL MPI_COMM_RANK(MPI_COMM_WORLD, MYID, IERR)
      CALL MPI_COMM_SIZE(MPI_COMM_WORLD, NPROCS, IERR)
      CALL GET_COMMAND_ARGUMENT(1, NMLFIL)
      CALL GET_COMMAND_ARGUMENT(2, ARG)
      READ (ARG, *) YEAR

      DEGREE = ACOS(-1.D0)/180.D0
      DLON = 360.D0/NLON
      DLAT = 1.D0
      SOUTH = 45.D0
      N = 0
      DO J = MYID + 1, NLAT, NPROCS
        DO I = 1, NLON
          N = N + 1
          XC(N) = (I - 0.5D0)*DLON
          YC(N) = SOUTH + (J - 0.5D0)*DLAT
          RA(N) = (6371229.D0*DEGREE)**2*DLON*DLAT*COS(YC(N)*DEGREE)
C         Stays so where icegen has no value.
          AREA(N) = 0.D0
          HEFF(N) = 0.D0
        END DO
      END DO

      CALL ICEGEN_OPEN(MPI_COMM_WORLD, TRIM(NMLFIL), IH, IERR)
      CALL CHECK(IH, IERR)
      CALL ICEGEN_ADD_TARGET(IH, 'T', N, XC, YC, IERR)
      CALL CHECK(IH, IERR)

C     Two slots serve in turn: one holds the month being received, the
C     other the month being generated.
      CALL ICEGEN_REQUEST_SLOT(IH, 2, 1, 1, YEAR, MIDDLE(1), IERR)
      CALL CHECK(IH, IERR)
      DO MONTH = 1, 12
        SLOT = 1 + MOD(MONTH, 2)
        IF (MONTH .LT. 12) THEN
          CALL ICEGEN_REQUEST_SLOT(IH, 3 - SLOT, 1, 1, YEAR,
     &                             MIDDLE(MONTH + 1), IERR)
          CALL CHECK(IH, IERR)
        END IF

C       The host's own month runs here, while the ice of the next is
C       generated.

        CALL ICEGEN_RECEIVE_SLOT(IH, SLOT, 'T', 'sic', MEMBER, N,
     &                           AREA, VALID, IERR)
        CALL CHECK(IH, IERR)
        CALL ICEGEN_RECEIVE_SLOT(IH, SLOT, 'T', 'sit', MEMBER, N,
     &                           HEFF, VALID, IERR)
        CALL CHECK(IH, IERR)

        MINE(1) = 0.D0
        MINE(2) = 0.D0
        DO K = 1, N
          MINE(1) = MINE(1) + AREA(K)*RA(K)
          MINE(2) = MINE(2) + HEFF(K)*RA(K)
        END DO
        CALL MPI_ALLREDUCE(MINE, TOTAL, 2, MPI_DOUBLE_PRECISION,
     &                     MPI_SUM, MPI_COMM_WORLD, IERR)
        IF (MYID .EQ. 0) WRITE (*, 10) YEAR, MONTH, TOTAL(1)*1.D-12,
     &                                 TOTAL(2)*1.D-12
      END DO
   10 FORMAT (I4, '-', I2.2, F9.3, ' million km2', F9.3,
     &        ' thousand km3')

      CALL ICEGEN_CLOSE(IH, IERR)
      CALL CHECK(IH, IERR)
      CALL MPI_FINALIZE(IERR)
      END

C     IERR is the same on all ranks, so all of them end together, in the
C     host's own way.
      SUBROUTINE CHECK(IH, IERR)
      IMPLICIT NONE
      INCLUDE 'mpif.h'
      INTEGER IH, IERR, MYID, IGNORE
      CHARACTER*512 MSG
      IF (IERR .EQ. 0) RETURN
      CALL ICEGEN_MESSAGE(IH, MSG)
      CALL MPI_COMM_RANK(MPI_COMM_WORLD, MYID, IGNORE)
      IF (MYID .EQ. 0) WRITE (0, '(A)') TRIM(MSG)
      CALL ICEGEN_CLOSE(IH, IGNORE)
      CALL MPI_FINALIZE(IGNORE)
      CALL EXIT(1)
      END
