/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates as HTTP writes them, always in GMT, computed by arithmetic alone: gmtime reads the time
 * zone and takes a lock. Any thread.
 */
#include "http/edit.h"

#define DATE_MOST_S 253402300799 /* the last second of the year 9999 */

static void two_digits(char *at, int64_t number)
{
	at[0] = (char)('0' + number / 10);
	at[1] = (char)('0' + number % 10);
}

void http_date_write(int64_t wall_s, char text[HTTP_DATE_SIZE + 1])
{
	static const char days[] = "ThuFriSatSunMonTueWed"; /* 1 January 1970 was a Thursday */
	static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
	int64_t day, second, era_day, year_of_era, day_of_year, month, year;

	if (wall_s < 0)
		wall_s = 0;
	if (wall_s > DATE_MOST_S)
		wall_s = DATE_MOST_S;
	day = wall_s / 86400;
	second = wall_s % 86400;
	/*
	 * Years begin in March here, so that the leap day is the last of its year; 719468 days lie
	 * between 1 March 0000 and 1970, 146097 in each era of 400 years. After Howard Hinnant,
	 * "chrono-Compatible Low-Level Date Algorithms".
	 */
	era_day = (day + 719468) % 146097;
	year_of_era = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	day_of_year = era_day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	year = year_of_era + (day + 719468) / 146097 * 400 + (month >= 10);
	memcpy(text, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_SIZE + 1);
	memcpy(text, days + day % 7 * 3, 3);
	two_digits(text + 5, day_of_year - (153 * month + 2) / 5 + 1);
	memcpy(text + 8, months + month * 3, 3);
	two_digits(text + 12, year / 100);
	two_digits(text + 14, year % 100);
	two_digits(text + 17, second / 3600);
	two_digits(text + 20, second / 60 % 60);
	two_digits(text + 23, second % 60);
}
