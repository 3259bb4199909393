C     SPDX-License-Identifier: MIT
C     The external procedures as a fixed-form host calls them, without
C     interfaces, from a COMMON block and with halos in the lists:
C     TEST_EXTERNALS FOLDER, a folder made by tests/tiny.py.
      PROGRAM TEXTRN
      IMPLICIT NONE
      INCLUDE 'mpif.h'
      INTEGER NX, NY
      PARAMETER (NX = 6, NY = 4)
      REAL*8 XC(0:NX+1, 0:NY+1), YC(0:NX+1, 0:NY+1)
      REAL*8 AREA(0:NX+1, 0:NY+1), HEFF(0:NX+1, 0:NY+1)
      COMMON /GRIDC/ XC, YC
      COMMON /SEAICE/ AREA, HEFF
      REAL*4 AREA4(0:NX+1, 0:NY+1)
      REAL*8 AREA2(0:NX+1, 0:NY+1), DAREA(0:NX+1, 0:NY+1)
      REAL*8 ERR8(0:NX+1, 0:NY+1)
      REAL*4 ERR4(0:NX+1, 0:NY+1)
      LOGICAL OK(0:NX+1, 0:NY+1), OWN(0:NX+1, 0:NY+1), READY
      CHARACTER*512 FOLDER, MSG
      CHARACTER*256 STATE
      REAL*8 BOUNDS(3), AICEN(2), VICEN(2)
      REAL*4 BOUND4(2), AICE4, VICE4
      DATA BOUNDS /0.D0, 1.D0, 9.D0/, BOUND4 /30., 40./
      INTEGER IH, IERR, I, J, N, NFAIL, MYID
      INTEGER ITWO

      CALL MPI_INIT(IERR)
      CALL MPI_COMM_RANK(MPI_COMM_WORLD, MYID, IERR)
      CALL GET_COMMAND_ARGUMENT(1, FOLDER)
      NFAIL = 0
      N = (NX + 2)*(NY + 2)
      DO J = 0, NY + 1
        DO I = 0, NX + 1
          XC(I, J) = 60.D0*I + 7.D0*MYID
          YC(I, J) = 84.D0 + J
          AREA(I, J) = -1.D0
          AREA4(I, J) = -1.
        END DO
      END DO

      CALL ICEGEN_OPEN(MPI_COMM_WORLD, TRIM(FOLDER)//'/nowhere.nml',
     &                 IH, IERR)
      CALL ICEGEN_MESSAGE(0, MSG)
      IF (IERR .NE. 2 .OR. IH .NE. 0) CALL FAILED('no namelist', NFAIL)
      IF (INDEX(MSG, 'nowhere') .EQ. 0) CALL FAILED('message', NFAIL)
      CALL ICEGEN_REQUEST(IH, 1, 2001, 60, IERR)
      IF (IERR .NE. 1) CALL FAILED('request of no handle', NFAIL)
      CALL ICEGEN_MESSAGE(0, MSG)
      IF (INDEX(MSG, 'that failed: namelist') .EQ. 0)
     &  CALL FAILED('why it is not open', NFAIL)
      CALL ICEGEN_REQUEST(-5, 1, 2001, 60, IERR)
      IF (IERR .NE. 1) CALL FAILED('request of a bad handle', NFAIL)

      CALL ICEGEN_OPEN(MPI_COMM_WORLD, TRIM(FOLDER)//'/icegen.nml',
     &                 IH, IERR)
      IF (IERR .NE. 0 .OR. IH .LT. 1) CALL FAILED('open', NFAIL)
      CALL ICEGEN_OPEN(MPI_COMM_WORLD, TRIM(FOLDER)//'/icegen.nml',
     &                 ITWO, IERR)
      IF (IERR .NE. 0 .OR. ITWO .EQ. IH) CALL FAILED('two', NFAIL)
      CALL ICEGEN_ADD_TARGET(IH, 'T', -1, XC, YC, IERR)
      IF (IERR .NE. 1) CALL FAILED('negative N', NFAIL)
      CALL ICEGEN_ADD_TARGET(IH, 'T', N, XC, YC, IERR)
      IF (IERR .NE. 0) CALL FAILED('add_target', NFAIL)
      CALL ICEGEN_ADD_TARGET(IH, 'T', N, XC, YC, IERR)
      CALL ICEGEN_MESSAGE(IH, MSG)
      IF (IERR .NE. 1 .OR. INDEX(MSG, 'exists') .EQ. 0)
     &  CALL FAILED('add_target twice', NFAIL)
      CALL ICEGEN_REQUEST(IH, 2, 2001, 60, IERR)
      IF (IERR .NE. 0) CALL FAILED('request', NFAIL)
      CALL ICEGEN_RECEIVE(IH, 'T', 'sic', 2, N, AREA, OK, IERR)
      IF (IERR .NE. 0) CALL FAILED('receive sic', NFAIL)
      CALL ICEGEN_RECEIVE(IH, 'T', 'sit', 2, N, HEFF, OK, IERR)
      IF (IERR .NE. 0) CALL FAILED('receive sit', NFAIL)
      CALL ICEGEN_RECEIVE_R4(IH, 'T', 'sic', 2, N, AREA4, OK, IERR)
      IF (IERR .NE. 0) CALL FAILED('receive in REAL*4', NFAIL)
      CALL ICEGEN_REQUEST_SLOT(IH, 2, 2, 1, 2001, 60, IERR)
      IF (IERR .NE. 0) CALL FAILED('request in a slot', NFAIL)
      CALL ICEGEN_RECEIVE_SLOT(IH, 2, 'T', 'sic', 2, N, AREA2, OK, IERR)
      IF (IERR .NE. 0) CALL FAILED('receive from a slot', NFAIL)
      CALL ICEGEN_RECEIVE_SLOT_R4(IH, 2, 'T', 'sic', 2, N, AREA4, OK,
     &                            IERR)
      IF (IERR .NE. 0) CALL FAILED('receive REAL*4, slot', NFAIL)
      CALL ICEGEN_TEST(IH, 2, READY, IERR)
      IF (IERR .NE. 0 .OR. .NOT. READY) CALL FAILED('test', NFAIL)
      IF (AREA2(1, NY) .NE. AREA(1, NY)) CALL FAILED('slot', NFAIL)
      DO J = 0, NY + 1
        DO I = 0, NX + 1
          IF (OK(I, J) .AND. (AREA(I, J) .LT. 0.D0 .OR.
     &        AREA(I, J) .GT. 1.D0 .OR.
     &        ABS(AREA(I, J) - AREA4(I, J)) .GT. 1.D-6))
     &      CALL FAILED('values', NFAIL)
          IF (.NOT. OK(I, J) .AND. AREA(I, J) .GT. -1.D0)
     &      CALL FAILED('untouched where not valid', NFAIL)
        END DO
      END DO
      IF (.NOT. OK(1, NY)) CALL FAILED('ice at 88 N', NFAIL)
C     The tile's own points are given, its halo is left out.
      DO J = 0, NY + 1
        DO I = 0, NX + 1
          OWN(I, J) = I .GE. 1 .AND. I .LE. NX .AND.
     &                J .GE. 1 .AND. J .LE. NY
          AREA2(I, J) = 2.D0
          IF (OWN(I, J)) AREA2(I, J) = 0.75D0
          AREA4(I, J) = 1.5
        END DO
      END DO
      CALL ICEGEN_PERTURB(IH, 1, 1, 1, .3D0, 2001, 60, IERR)
      CALL ICEGEN_MESSAGE(IH, MSG)
      IF (IERR .NE. 1 .OR. INDEX(MSG, 'no field was given') .EQ. 0)
     &  CALL FAILED('perturb nothing', NFAIL)
      CALL ICEGEN_GIVE(IH, 'T', 'sic', -1, AREA2, OWN, IERR)
      IF (IERR .NE. 1) CALL FAILED('give a negative N', NFAIL)
      CALL ICEGEN_GIVE(IH, 'T', 'sic', N, AREA2, OWN, IERR)
      IF (IERR .NE. 0) CALL FAILED('give', NFAIL)
      CALL ICEGEN_GIVE_R4(IH, 'T', 'sit', N, AREA4, OWN, IERR)
      IF (IERR .NE. 0) CALL FAILED('give_r4', NFAIL)
      CALL ICEGEN_PERTURB(IH, 1, 1, 1, .3D0, 2001, 60, IERR)
      IF (IERR .NE. 0) CALL FAILED('perturb', NFAIL)
      CALL ICEGEN_RECEIVE(IH, 'T', 'sic', 0, N, AREA2, OK, IERR)
      IF (IERR .NE. 0) CALL FAILED('receive the given ice', NFAIL)
      IF (ABS(AREA2(1, NY) - 0.75D0) .GT. 1.D-6)
     &  CALL FAILED('the given ice', NFAIL)
      CALL ICEGEN_RECEIVE(IH, 'T', 'sic', 1, N, AREA, OK, IERR)
      CALL ICEGEN_RECEIVE(IH, 'T', 'sic_increment', 1, N, DAREA, OK,
     &                    IERR)
      IF (IERR .NE. 0) CALL FAILED('receive an increment', NFAIL)
      IF (DAREA(1, NY) .NE. AREA(1, NY) - AREA2(1, NY))
     &  CALL FAILED('an increment', NFAIL)
C     What the tile's own points observe.
      DO J = 0, NY + 1
        DO I = 0, NX + 1
          AREA2(I, J) = 2.D0
          IF (OWN(I, J)) AREA2(I, J) = 0.25D0
          ERR8(I, J) = 0.015D0
          ERR4(I, J) = 0.125
        END DO
      END DO
      CALL ICEGEN_ANALYSE(IH, 1, 1, 1, 2001, 60, IERR)
      CALL ICEGEN_MESSAGE(IH, MSG)
      IF (IERR .NE. 1 .OR. INDEX(MSG, 'was not observed') .EQ. 0)
     &  CALL FAILED('analyse nothing', NFAIL)
      CALL ICEGEN_OBSERVE(IH, 'T', 'sic', -1, AREA2, ERR8, OWN, IERR)
      IF (IERR .NE. 1) CALL FAILED('observe a negative N', NFAIL)
      CALL ICEGEN_OBSERVE(IH, 'T', 'sic', N, AREA2, ERR8, OWN, IERR)
      IF (IERR .NE. 0) CALL FAILED('observe', NFAIL)
      CALL ICEGEN_OBSERVE_R4(IH, 'T', 'sit', N, AREA4, ERR4, OWN, IERR)
      IF (IERR .NE. 0) CALL FAILED('observe_r4', NFAIL)
      CALL ICEGEN_ANALYSE(IH, 1, 1, 1, 2001, 60, IERR)
      IF (IERR .NE. 0) CALL FAILED('analyse', NFAIL)
      CALL ICEGEN_RECEIVE(IH, 'T', 'sit', 1, N, AREA2, OK, IERR)
      IF (IERR .NE. 0) CALL FAILED('receive an analysis', NFAIL)
      CALL ICEGEN_REQUEST(IH, 1, 2001, 60, IERR)
      CALL ICEGEN_RECEIVE(IH, 'T', 'sit', 1, N, AREA, OK, IERR)
      IF (AREA2(1, NY) .EQ. AREA(1, NY))
     &  CALL FAILED('observations change a sample', NFAIL)
      CALL ICEGEN_ADD_TARGET_BY(IH, 'N', N, XC, YC, 'degrees',
     &                          'nearest', 50.D0, IERR)
      IF (IERR .NE. 0) CALL FAILED('add_target_by', NFAIL)
      CALL ICEGEN_ADD_TARGET_R4(IH, 'S', 1, 10., 85., IERR)
      IF (IERR .NE. 0) CALL FAILED('add_target_r4', NFAIL)
      CALL ICEGEN_ADD_TARGET_BY_R4(IH, 'R', 1, 1., 1.5, 'radians',
     &                             'bilinear', 0., IERR)
      IF (IERR .NE. 0) CALL FAILED('add_target_by_r4', NFAIL)
      CALL ICEGEN_REMOVE_TARGET(IH, 'S', IERR)
      IF (IERR .NE. 0) CALL FAILED('remove_target', NFAIL)
      CALL ICEGEN_REMOVE_TARGET(IH, 'S', IERR)
      CALL ICEGEN_MESSAGE(IH, MSG)
      IF (IERR .NE. 1 .OR. INDEX(MSG, 'unknown target') .EQ. 0)
     &  CALL FAILED('remove_target twice', NFAIL)
      CALL ICEGEN_ADD_TARGET_WEIGHTS(IH, 'W', 1, 1.D0, 85.D0,
     &                               'degrees', 'nowhere.nc', 1, IERR)
      CALL ICEGEN_MESSAGE(IH, MSG)
      IF (IERR .NE. 1 .OR. INDEX(MSG, 'nowhere.nc') .EQ. 0)
     &  CALL FAILED('weights', NFAIL)
      CALL ICEGEN_ADD_TARGET_WEIGHTS_R4(IH, 'W', 1, 1., 85.,
     &                               'degrees', 'nowhere.nc', 1, IERR)
      IF (IERR .NE. 1) CALL FAILED('weights_r4', NFAIL)
      CALL ICEGEN_GET_STATE(IH, STATE, IERR)
      IF (IERR .NE. 0) CALL FAILED('get_state', NFAIL)
      CALL ICEGEN_SET_STATE(ITWO, STATE, IERR)
      IF (IERR .NE. 0) CALL FAILED('set_state', NFAIL)
      CALL ICEGEN_FILL_CATEGORIES(1, 1.D0, 1.D0, 2, BOUNDS, AICEN,
     &                            VICEN, IERR)
      IF (IERR .NE. 0 .OR. ABS(VICEN(1) + VICEN(2) - 1.D0) .GT. 1.D-15)
     &  CALL FAILED('categories', NFAIL)
      CALL ICEGEN_FILL_CATEGORIES_R4(1, 1., 1., 1, BOUND4, AICE4,
     &                               VICE4, IERR)
      IF (IERR .NE. 1) CALL FAILED('bounds', NFAIL)
      CALL ICEGEN_MESSAGE(0, MSG)
      IF (INDEX(MSG, 'first bound is 30 m') .EQ. 0)
     &  CALL FAILED('message of the bounds', NFAIL)
      CALL ICEGEN_CLOSE(ITWO, IERR)
      CALL ICEGEN_CLOSE(IH, IERR)
      IF (IERR .NE. 0 .OR. IH .NE. 0) CALL FAILED('close', NFAIL)
      CALL ICEGEN_CLOSE(IH, IERR)
      IF (IERR .NE. 0) CALL FAILED('close twice', NFAIL)

      CALL MPI_FINALIZE(IERR)
      IF (NFAIL .GT. 0) STOP 1
      END

      SUBROUTINE FAILED(WHAT, NFAIL)
      IMPLICIT NONE
      CHARACTER*(*) WHAT
      INTEGER NFAIL
      NFAIL = NFAIL + 1
      WRITE (0, *) 'FAILED: ', WHAT
      END
