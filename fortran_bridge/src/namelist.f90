! SPDX-License-Identifier: MIT
!> Reads the group &icegen_nml with the Fortran runtime's own namelist parser.
module icegen_namelist
  use, intrinsic :: iso_c_binding, only: c_char, c_double, c_int, c_int32_t, c_int64_t, c_null_char
  implicit none
  private
  public :: read_namelist

  integer, parameter :: path_length = 1024, word_length = 128

  !> The values of the group; configuration.cpp declares the same type.
  type, bind(c), public :: namelist_values
    character(kind=c_char) :: archive(path_length)  !> Path of the archive; required.
    character(kind=c_char) :: archive_sha256(word_length)  !> SHA-256 that the archive must have; empty: any archive.
    character(kind=c_char) :: backend(path_length)  !> `torch`; `aoti` for compiled networks; or the path of a shared library.
    character(kind=c_char) :: device(word_length)  !> `cpu`, `cuda`, or `cuda:N`: the GPUs of a node from number N.
    character(kind=c_char) :: precision(word_length)  !> Precision of the products in the networks: `float32` or `bfloat16`.
    character(kind=c_char) :: condition(word_length)  !> `date`: ice of the requested date; `none`: ice of any date.
    character(kind=c_char) :: history(word_length)  !> `continuous` or `independent`; empty: `continuous` if the archive has it.
    character(kind=c_char) :: years(word_length)  !> Year that the archive takes: `given`, `held` in its range, or one year.
    character(kind=c_char) :: calendar(word_length)  !> Calendar of the host: `standard`, `365_day`, `360_day` or `366_day`.
    character(kind=c_char) :: cpus(path_length)  !> CPUs of the generators of a node, such as `8-15`; empty: icegen chooses.
    integer(c_int64_t) :: seed  !> Seed of the noise, from 0; another seed gives another ensemble.
    real(c_double) :: blend_km  !> Width over which the field `blend` falls to 0, km.
    real(c_double) :: fill_value  !> Value of points that are not valid; left out: they keep their values.
    integer(c_int32_t) :: steps  !> Noise levels of the sampler; 0: the archive's default.
    integer(c_int32_t) :: generators  !> Ranks of each node that generate, from 1; at most all ranks of the node are used.
    integer(c_int32_t) :: threads  !> CPU threads of each generator, from 1.
    integer(c_int32_t) :: batch  !> Members that a generator makes in one call of the model, from 1; more need more memory.
  end type namelist_values

contains

  !> Fill `values` from the file; keys that it leaves out have their defaults. Returns 0, or 1 and a message.
  function read_namelist(path, values, message, message_size) result(status) bind(c, name='icegen_read_namelist')
    character(kind=c_char), intent(in) :: path(*)  !> closed by a zero
    type(namelist_values), intent(out) :: values
    character(kind=c_char), intent(out) :: message(*)  !> closed by a zero
    integer(c_int), value :: message_size  !> of `message`, the closing zero included
    integer(c_int) :: status

    character(len=path_length) :: archive, backend, cpus
    character(len=word_length) :: archive_sha256, device, precision, condition, history, years, calendar
    integer(c_int64_t) :: seed
    real(c_double) :: blend_km, fill_value
    integer(c_int32_t) :: steps, generators, threads, batch
    namelist /icegen_nml/ archive, archive_sha256, backend, device, precision, condition, history, years, calendar, &
      seed, steps, generators, threads, batch, cpus, fill_value, blend_km

    character(len=:), allocatable :: file
    character(len=message_size) :: iomsg
    integer :: unit, iostat, i

    archive = ''
    archive_sha256 = ''
    backend = 'torch'
    device = 'cpu'
    precision = 'float32'
    condition = 'date'
    history = ''
    years = 'given'
    calendar = 'standard'
    cpus = ''
    seed = 0
    blend_km = 200
    fill_value = -huge(fill_value) ! no value
    steps = 0
    generators = 1
    threads = 1
    batch = 1

    i = 0
    do while (path(i + 1) /= c_null_char)
      i = i + 1
    end do
    allocate (character(len=i) :: file)
    do i = 1, len(file)
      file(i:i) = path(i)
    end do

    iomsg = ''
    open (newunit=unit, file=file, status='old', action='read', form='formatted', iostat=iostat, iomsg=iomsg)
    if (iostat == 0) then
      read (unit, nml=icegen_nml, iostat=iostat, iomsg=iomsg)
      if (iostat < 0) iomsg = 'found no complete group &icegen_nml ... /'
      if (iostat /= 0) call name_line()
      close (unit)
      if (iostat < 0) call read_unended()
    end if
    if (iostat == 0) then
      call refuse_cut('archive', archive)
      call refuse_cut('archive_sha256', archive_sha256)
      call refuse_cut('backend', backend)
      call refuse_cut('device', device)
      call refuse_cut('precision', precision)
      call refuse_cut('condition', condition)
      call refuse_cut('history', history)
      call refuse_cut('years', years)
      call refuse_cut('calendar', calendar)
      call refuse_cut('cpus', cpus)
    end if

    call to_c(archive, values%archive)
    call to_c(archive_sha256, values%archive_sha256)
    call to_c(backend, values%backend)
    call to_c(device, values%device)
    call to_c(precision, values%precision)
    call to_c(condition, values%condition)
    call to_c(history, values%history)
    call to_c(years, values%years)
    call to_c(calendar, values%calendar)
    call to_c(cpus, values%cpus)
    values%seed = seed
    values%blend_km = blend_km
    values%fill_value = fill_value
    values%steps = steps
    values%generators = generators
    values%threads = threads
    values%batch = batch
    call to_c(iomsg, message(:message_size))
    status = merge(1, 0, iostat /= 0)

  contains

    !> The runtime does not always say what it could not read: find the first line that it cannot read by itself.
    subroutine name_line()
      character(len=path_length) :: line, reason
      character(len=path_length + 20) :: group
      character(len=12) :: number
      integer :: status, i
      logical :: in_group

      rewind (unit)
      in_group = .false.
      i = 0
      do
        i = i + 1
        read (unit, '(a)', iostat=status) line
        if (status /= 0) return
        line = adjustl(line)
        if (line(:1) == '&') then
          in_group = any(line(2:11) == ['icegen_nml', 'ICEGEN_NML'])
          line = line(12:)
        end if
        if (.not. in_group) cycle
        group = '&icegen_nml '//trim(line)//' /'
        read (group, nml=icegen_nml, iostat=status, iomsg=reason)
        if (status <= 0) cycle
        write (number, '(i0)') i
        iomsg = 'line '//trim(number)//" is '"//trim(line(:80))//"': "//trim(reason(:100))// &
                '; wanted KEY = VALUE, with one of the keys archive, archive_sha256, backend, device, precision, condition, '// &
                'history, years, calendar, seed, steps, generators, threads, batch, cpus, '// &
                'fill_value, blend_km'
        return
      end do
    end subroutine name_line

    !> gfortran needs an end of line after the group's last slash: add one if the file ends without it, and read again.
    subroutine read_unended()
      character(len=:), allocatable :: text
      integer :: bytes, status

      open (newunit=unit, file=file, status='old', action='read', form='unformatted', access='stream', iostat=status)
      if (status /= 0) return
      inquire (unit, size=bytes)
      allocate (character(len=bytes + 1) :: text)
      read (unit, iostat=status) text(:bytes)
      close (unit)
      if (status /= 0 .or. bytes < 1) return
      if (text(bytes:bytes) == new_line(text)) return
      if (index(text, '&icegen_nml') == 0 .and. index(text, '&ICEGEN_NML') == 0) return ! gfortran may not notice that it is missing
      text(bytes + 1:) = new_line(text)
      read (text, nml=icegen_nml, iostat=iostat, iomsg=iomsg)
      if (iostat < 0) iomsg = 'found no complete group &icegen_nml ... /'
    end subroutine read_unended

    !> Refuse a text that fills its variable, because it may have been longer.
    subroutine refuse_cut(name, text)
      character(len=*), intent(in) :: name, text
      character(len=12) :: most

      if (len_trim(text) < len(text)) return
      iostat = 1
      write (most, '(i0)') len(text) - 1
      iomsg = name//" is '"//text(:40)//"...'; wanted at most "//trim(most)//' characters'
    end subroutine refuse_cut

  end function read_namelist

  !> Copy a text without its trailing blanks, then zeros; what does not fit in `c` is cut.
  pure subroutine to_c(text, c)
    character(len=*), intent(in) :: text
    character(kind=c_char), intent(out) :: c(:)
    integer :: i, n

    n = min(len_trim(text), size(c) - 1)
    do i = 1, n
      c(i) = text(i:i)
    end do
    c(n + 1:) = c_null_char
  end subroutine to_c

end module icegen_namelist
