! SPDX-License-Identifier: MIT
!> Months of the Gregorian calendar.
module host_calendar
  implicit none
  private

  public :: days_before_month, month_names

  character(len=3), parameter :: month_names(12) = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', &
                                                    'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

contains

  !> Days of the year that lie before the first of the month.
  pure integer function days_before_month(year, month) result(days)
    integer, intent(in) :: year
    !> 1 to 13; 13 gives the length of the year
    integer, intent(in) :: month
    integer, parameter :: before(13) = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

    days = before(month)
    if (month > 2 .and. is_leap(year)) days = days + 1
  end function days_before_month

  pure logical function is_leap(year)
    integer, intent(in) :: year

    is_leap = (mod(year, 4) == 0 .and. mod(year, 100) /= 0) .or. mod(year, 400) == 0
  end function is_leap

end module host_calendar
