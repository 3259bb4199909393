! SPDX-License-Identifier: MIT
!> What a host brings to the module icegen: its own ice, observations, and amounts for thickness categories.
!>
!> test_own_ice FOLDER BACKEND: as test_emulator.
program test_own_ice
  use, intrinsic :: ieee_arithmetic, only: ieee_quiet_nan, ieee_value
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use checks
  use icegen, only: icegen_emulator, icegen_fill_categories
  implicit none

  call begin_checks('own_ice')
  call test_perturb()
  call test_observe()
  call test_categories()
  call end_checks()

contains

  !> The host's own ice and states near it, on the model of the tiny archive.
  subroutine test_perturb()
    type(icegen_emulator) :: ice
    integer, parameter :: n = 12
    real(real64), parameter :: none = 0, all_of_it = 1
    real(real64) :: lon(n), lat(n), own(2, n), sic(n), sit(n), near(n), increment(n), far(n)
    real(real32) :: single(n)
    logical :: halo(2, n), valid(n)
    integer :: i

    ! Each rank has its own circle of points; the last two lie on the first two again, as a halo does.
    lon = [((i - 1)*36.0_real64, i=1, n)]
    lat = 84.0_real64 + rank
    own(1, :) = 0.9_real64 - 0.01_real64*[(i, i=1, n)]
    own(2, :) = ieee_value(own(1, 1), ieee_quiet_nan)
    own(2, 1:n - 2) = 1.5_real64
    halo(:, :n - 2) = .true.
    halo(:, n - 1:) = .false.

    call ice%give('T', 'sic', own(1, :), ierr, errmsg)
    call expect(1, 'not open', 'give before open')
    call ice%perturb(1, 0.3_real64, 2001, 60, ierr, errmsg)
    call expect(1, 'not open', 'perturb before open')
    call ice%open(MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
    call ice%add_target('T', lon, lat, ierr, errmsg)
    call ice%give('T', 'sic', own(1, :), ierr, errmsg, valid=halo(1, :3))
    call expect(1, "target 'T' has 12 points here; the arrays hold -1", 'validity of another size')
    call ice%give('T', 'sit_ice', own(1, :), ierr, errmsg)
    call expect(1, "variable 'sit_ice' cannot be given; wanted one of sic, sit", 'a derived field')
    call ice%give('T', 'sit', own(2, :), ierr, errmsg)
    call expect(1, 'sit of point 11 is', 'not a number')
    call ice%give('T', 'sic', own(1, :), ierr, errmsg, halo(1, :))
    call expect(0, '', 'give every second number of an array')
    call ice%give('T', 'sit', own(2, :), ierr, errmsg, halo(2, :))
    call expect(0, '', 'halos are left out')
    call ice%perturb(2, 0.3_real64, 2001, 400, ierr, errmsg)
    call expect(1, 'day_of_year is 400', 'no such day')
    call ice%perturb(2, 0.3_real64, 2001, 60, ierr, errmsg, slot=3, first_member=5)
    call expect(0, '', 'perturb')
    call ice%receive('T', 'sic', 0, sic, valid, ierr, errmsg, slot=3)
    call expect(0, '', 'the given state')
    call ice%receive('T', 'sit', 0, sit, valid, ierr, errmsg, slot=3)
    call check(all(sic >= 0 .and. sic <= 1 .and. sit >= 0), 'the given state within bounds')
    call check(all(abs(sit(:n - 2) - 1.5_real64) < 1e-5_real64), 'the given thickness at the points')
    call ice%receive('T', 'sic', 6, near, valid, ierr, errmsg, slot=3)
    call expect(0, '', 'a member')
    call ice%receive('T', 'sic_increment', 6, increment, valid, ierr, errmsg, slot=3)
    call expect(0, '', 'an increment')
    call check(any(abs(increment) > 0), 'a member differs from the given state')
    call check(all(abs(increment - (near - sic)) <= 0), 'an increment is the difference')
    call ice%receive('T', 'sic_increment', 6, single, valid, ierr, errmsg, slot=3)
    call check(all(abs(single - increment) < 1e-6_real64), 'an increment in single precision')

    ! The same ice in another precision and without slots, and what level 0 means.
    call ice%give('T', 'sic', real(own(1, :), real32), ierr, errmsg, halo(1, :))
    call expect(0, '', 'give in single precision')
    call ice%give('T', 'sit', real(own(2, :), real32), ierr, errmsg, halo(2, :))
    call ice%perturb(1, none, 2001, 60, ierr, errmsg)
    call expect(0, '', 'level 0')
    call ice%receive('T', 'sit_increment', 1, increment, valid, ierr, errmsg)
    call check(all(abs(increment) <= 0), 'level 0 changes nothing')
    call ice%give('T', 'sit', real(own(2, :), real32), ierr, errmsg, halo(2, :))
    call ice%perturb(1, all_of_it, 2001, 60, ierr, errmsg)
    call ice%receive('T', 'sit', 1, far, valid, ierr, errmsg)
    call expect(0, '', 'level 1, and a variable that is not given')
    call check(any(abs(far - sit) > 0), 'level 1 changes much')
    call ice%close(ierr)

    call write_namelist('&icegen_nml archive = "'//trim(folder)//'/first_contract.pt" /')
    call ice%open(MPI_COMM_WORLD, scratch(), ierr, errmsg)
    call ice%add_target('T', lon, lat, ierr, errmsg)
    call ice%give('T', 'sic', own(1, :), ierr, errmsg)
    call ice%perturb(1, 0.3_real64, 2001, 60, ierr, errmsg)
    call expect(1, 'an archive of contract 1 cannot perturb', 'an archive of contract 1')
    call ice%close(ierr)
  end subroutine test_perturb

  !> Observations, and members that agree with them, on the model of the tiny archive.
  subroutine test_observe()
    type(icegen_emulator) :: ice
    integer, parameter :: n = 12
    real(real64) :: lon(n), lat(n), seen(2, n), errors(n), free(n), changed(n), again(n), far(2)
    logical :: halo(2, n), valid(n)
    integer :: i

    ! As in test_perturb.
    lon = [((i - 1)*36.0_real64, i=1, n)]
    lat = 84.0_real64 + rank
    seen(1, :) = 0.05_real64
    seen(2, :) = ieee_value(seen(1, 1), ieee_quiet_nan)
    seen(2, 1:n - 2) = 0.25_real64
    errors = 0.015625_real64
    halo(:, :n - 2) = .true.
    halo(:, n - 1:) = .false.

    call ice%observe('T', 'sic', seen(1, :), errors, ierr, errmsg)
    call expect(1, 'not open', 'observe before open')
    call ice%analyse(1, 2001, 60, ierr, errmsg)
    call expect(1, 'not open', 'analyse before open')
    call ice%open(MPI_COMM_WORLD, trim(folder)//'/icegen.nml', ierr, errmsg)
    call ice%add_target('T', lon, lat, ierr, errmsg)
    call ice%analyse(1, 2001, 60, ierr, errmsg)
    call expect(1, "the archive's ocean was not observed", 'analyse nothing')
    call ice%observe('T', 'sic', seen(1, :), errors(:3), ierr, errmsg)
    call expect(1, "target 'T' has 12 points here; the arrays hold -1", 'errors of another size')
    call ice%observe('T', 'sic', seen(1, :), errors, ierr, errmsg, valid=halo(1, :3))
    call expect(1, "target 'T' has 12 points here; the arrays hold -1", 'validity of another size')
    call ice%observe('T', 'sit', seen(2, :), errors, ierr, errmsg)
    call expect(1, 'sit of point 11 is', 'not a number')
    call ice%observe('T', 'sic', seen(1, :), -errors, ierr, errmsg)
    call expect(1, 'the error of sic of point 1 is -0.015625; wanted 0.001 to 10', 'negative errors')
    call ice%observe('T', 'sic', seen(1, :), errors, ierr, errmsg, halo(1, :))
    call expect(0, '', 'observe every second number of an array')
    call ice%observe('T', 'sit', seen(2, :), errors, ierr, errmsg, halo(2, :))
    call expect(0, '', 'halos are left out')
    call ice%analyse(2, 2001, 400, ierr, errmsg)
    call expect(1, 'day_of_year is 400', 'no such day')
    call ice%analyse(2, 2001, 60, ierr, errmsg, slot=3, first_member=5)
    call expect(0, '', 'analyse')
    call ice%receive('T', 'sic', 6, changed, valid, ierr, errmsg, slot=3)
    call expect(0, '', 'a member')
    call ice%receive('T', 'sic', 0, again, valid, ierr, errmsg, slot=3)
    call expect(1, 'member is 0; the request was for 5 to 6', 'member 0')
    call ice%request(1, 2001, 60, ierr, errmsg, first_member=6)
    call ice%receive('T', 'sic', 6, free, valid, ierr, errmsg)
    far = [sum(abs(changed(:n - 2) - seen(1, :n - 2))), sum(abs(free(:n - 2) - seen(1, :n - 2)))]
    call MPI_Allreduce(MPI_IN_PLACE, far, 2, MPI_DOUBLE_PRECISION, MPI_SUM, MPI_COMM_WORLD, ierr)
    call check(far(1) < far(2), 'a member is nearer to what was observed')

    ! The same in another order and precision, with arrays that are contiguous and others.
    call ice%observe('T', 'sit', real(seen(2, :), real32), real(errors, real32), ierr, errmsg, halo(2, :))
    call expect(0, '', 'observe in single precision')
    seen(2, :) = errors
    call ice%observe('T', 'sic', seen(1, :), seen(2, :), ierr, errmsg, halo(1, :))
    call ice%analyse(2, 2001, 60, ierr, errmsg, first_member=5)
    call ice%receive('T', 'sic', 6, again, valid, ierr, errmsg)
    call expect(0, '', 'the same member')
    call check(all(abs(again - changed) <= 0), 'neither order nor precision changes it')
    call ice%close(ierr)

    call write_namelist('&icegen_nml archive = "'//trim(folder)//'/first_contract.pt" /')
    call ice%open(MPI_COMM_WORLD, scratch(), ierr, errmsg)
    call ice%add_target('T', lon, lat, ierr, errmsg)
    call ice%observe('T', 'sic', seen(1, :), errors, ierr, errmsg)
    call expect(1, 'this archive takes no observations; export it again', 'an archive of contract 1')
    call ice%analyse(1, 2001, 60, ierr, errmsg)
    call expect(1, 'this archive takes no observations; export it again', 'an archive of contract 1')
    call ice%close(ierr)
  end subroutine test_observe

  subroutine test_categories()
    real(real64), parameter :: bounds(0:5) = [0.0_real64, 0.6445_real64, 1.3914_real64, 2.4702_real64, 4.5673_real64, &
                               999.9_real64]
    real(real64) :: aicen(3, 5), vicen(3, 5)
    real(real32) :: single_area(3, 5), single_volume(3, 5)
    real(real64), parameter :: area(3) = [0.0_real64, 0.4_real64, 1.0_real64]
    real(real64), parameter :: volume(3) = [0.0_real64, 0.3_real64, 6.0_real64]
    integer :: k

    call icegen_fill_categories(area, volume, bounds, aicen, vicen, ierr, errmsg)
    call expect(0, '', 'categories')
    call check(all(abs(sum(aicen, 2) - area) < 1e-15_real64), 'area is conserved')
    call check(all(abs(sum(vicen, 2) - volume) < 1e-14_real64), 'volume is conserved')
    do k = 1, 5
      call check(all(vicen(:, k) >= bounds(k - 1)*aicen(:, k) .and. vicen(:, k) <= bounds(k)*aicen(:, k)), &
        'thickness within the category')
    end do
    call icegen_fill_categories(real(area, real32), real(volume, real32), real(bounds, real32), single_area, &
      single_volume, ierr, errmsg)
    call expect(0, '', 'categories in single precision')
    call check(all(abs(single_area - aicen) < 1e-5_real64 .and. abs(single_volume - vicen) < 1e-5_real64), 'single')
    call icegen_fill_categories([0.5_real64, 1e-6_real64, 0.0_real64], [0.0_real64, 0.5_real64, 0.3_real64], &
      [0.01_real64, bounds(1:)], aicen, vicen, ierr, errmsg)
    call expect(0, '', 'area and volume that contradict each other, and a first bound of .01 m')
    call check(all(abs(sum(vicen, 2) - [0.0_real64, 0.5_real64, 0.3_real64]) < 1e-15_real64), 'their volume is conserved')
    call check(all((aicen > 0) .eqv. (vicen > 0)) .and. all(vicen <= 999*aicen), 'and a model can take them')
    call icegen_fill_categories(area, volume, bounds, aicen, vicen(:, :4), ierr, errmsg)
    call expect(1, 'other shapes than', 'a category too few')
    call icegen_fill_categories(-area, volume, bounds, aicen, vicen, ierr, errmsg)
    call expect(1, 'area of point 2 is -0.4; wanted 0 or more', 'negative area')
  end subroutine test_categories

end program test_own_ice
