/* SPDX-License-Identifier: Apache-2.0 */
/* The digits come from the RFC 3339 form, so that the calendar is computed in one place. */
#include "codec/http_date.h"

size_t http_date_print(wall_time t, char out[HTTP_DATE_LEN])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint64_t day = t < 0 ? 0 : (uint64_t)t / (uint64_t)DAY; /* 1970-01-01 was a Thursday */
	char iso[TIME_RFC3339_LEN];                             /* "2026-01-02T03:04:05.678901Z" */
	size_t month;

	time_print_rfc3339(t, iso);
	month = (size_t)(iso[5] - '0') * 10 + (size_t)(iso[6] - '0') - 1;
	memcpy(out, "xxx, dd mmm yyyy hh:mm:ss GMT", HTTP_DATE_LEN);
	memcpy(out, days + (day + 4) % 7 * 3, 3);
	memcpy(out + 5, iso + 8, 2);
	memcpy(out + 8, months + month * 3, 3);
	memcpy(out + 12, iso, 4);
	memcpy(out + 17, iso + 11, 8);
	return HTTP_DATE_LEN;
}
