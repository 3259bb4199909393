! SPDX-License-Identifier: MIT
!=======================================================================
!
! Restoring data from icegen, a generative model of Arctic sea ice.
! restore_data = 'icegen' selects it; README.md says where it goes.
!
! Settings, in ice_in; a file without this group keeps these values:
!
!    &icegen_cice_nml
!       config   = 'icegen.nml'  ! namelist of the library: archive, seed, calendar, years
!       member   = 1             ! whose history the ice follows
!       distance = 50.           ! km within which ocean that is land in the archive takes its ice
!       initial  = .true.        ! an initial run begins with this ice, whatever restore_timescale is
!    /

   module ice_restoring_icegen

      use icegen, only: icegen_emulator, icegen_fill_categories
      use ice_arrays_column, only: hin_max
      use ice_blocks, only: nx_block, ny_block
      use ice_calendar, only: myear, yday
      use ice_communicate, only: MPI_COMM_ICE
      use ice_domain, only: nblocks
      use ice_domain_size, only: ncat
      use ice_exit, only: abort_ice
      use ice_fileunits, only: nu_nml, nml_filename
      use ice_grid, only: tlon, tlat, hm
      use ice_kinds_mod
      use ice_restart_shared, only: runtype

      implicit none
      private
      public :: icegen_restoring_data, icegen_restoring_end

      character (len=char_len_long) :: config = 'icegen.nml', message
      integer (kind=int_kind) :: member = 1, last_date = 0, ierr = 0
      real (kind=dbl_kind) :: distance = 50
      logical (kind=log_kind) :: initial = .true.
      real (kind=dbl_kind), allocatable :: &
         rate(:,:,:), &        ! forcing weight of the relaxation
         categories(:,:,:)     ! area and volume of the date (points, ncat, 2)
      type (icegen_emulator) :: ice

      contains

!=======================================================================
! The ice of the model's date, in the categories of the model. The forcing weight fval
! becomes 0 where the archive knows no ice, and falls to 0 towards the end of its domain.

   subroutine icegen_restoring_data(aicen, vicen, vsnon, fval)

      real (kind=dbl_kind), intent(inout) :: aicen(:,:,:,:), vicen(:,:,:,:), vsnon(:,:,:,:), fval(:,:,:)
      real (kind=dbl_kind) :: fields(nx_block*ny_block*nblocks,3)
      logical (kind=log_kind) :: valid(size(fields,1)), first
      namelist /icegen_cice_nml/ config, member, distance, initial

      first = last_date == 0
      if (first) then
         rate = fval(:,:,1:nblocks)
         allocate (categories(size(fields,1),ncat,2))
         open (nu_nml, file=nml_filename, status='old')
         read (nu_nml, nml=icegen_cice_nml, iostat=ierr, iomsg=message)
         close (nu_nml)
         if (ierr <= 0) call ice%open(MPI_COMM_ICE, config, ierr, message)
         if (ierr == 0) call ice%add_target('T', pack(tlon(:,:,1:nblocks), .true.), pack(tlat(:,:,1:nblocks), .true.), &
                                            ierr, message, units='radians', distance=distance)
      endif

      if (last_date /= 1000*myear + int(yday)) then
         last_date = 1000*myear + int(yday)
         fields = 0
         if (ierr == 0) call ice%request(1, myear, int(yday), ierr, message, first_member=member)
         if (ierr == 0) call ice%receive('T', 'sic', member, fields(:,1), valid, ierr, message)
         if (ierr == 0) call ice%receive('T', 'sit', member, fields(:,2), valid, ierr, message)
         if (ierr == 0) call ice%receive('T', 'blend', member, fields(:,3), valid, ierr, message)
         fields = fields*spread(pack(hm(:,:,1:nblocks), .true.), 2, 3)   ! nothing on the model's land
         if (ierr == 0) call icegen_fill_categories(fields(:,1), fields(:,2), hin_max, categories(:,:,1), &
                                                    categories(:,:,2), ierr, message)
         if (ierr /= 0) call abort_ice(error_message='(icegen) ERROR: '//message, file=__FILE__, line=__LINE__)
         if (first) rate = rate*reshape(fields(:,3), shape(rate))
      endif

      aicen(:,:,:,1:nblocks) = reshape(categories(:,:,1), [nx_block,ny_block,ncat,nblocks], order=[1,2,4,3])
      vicen(:,:,:,1:nblocks) = reshape(categories(:,:,2), [nx_block,ny_block,ncat,nblocks], order=[1,2,4,3])
      vsnon = 0.2_dbl_kind*min(aicen, vicen)   ! 20 cm of snow, or a fifth of the ice
      fval(:,:,1:nblocks) = rate
      if (first .and. initial .and. runtype == 'initial') where (fval > 0) fval = 1

   end subroutine icegen_restoring_data

!=======================================================================
! Before MPI ends.

   subroutine icegen_restoring_end

      call ice%close(ierr, message)
      if (ierr /= 0) call abort_ice(error_message='(icegen) ERROR: '//message, file=__FILE__, line=__LINE__)

   end subroutine icegen_restoring_end

   end module ice_restoring_icegen
