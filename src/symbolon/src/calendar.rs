//! Times and money in words.

/// `1970-01-01 00:00:00 UTC` and so on, by the civil calendar.
pub fn utc(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a day counted from 1970-01-01. Counts from 1 March of year 0, so that the leap day comes last.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    const DAYS_FROM_MARCH_0000_TO_1970: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = days_since_1970 + DAYS_FROM_MARCH_0000_TO_1970;
    let (era, day_of_era) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on have 153 days every five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, year_after) = match month_from_march {
        0..=9 => (month_from_march + 3, 0),
        _ => (month_from_march - 9, 1),
    };
    (era * 400 + year_of_era + year_after, month, day)
}

/// When a day begins, such as `2026-11-23`, in seconds since 1970-01-01; `None` for what is no day since.
pub fn day_begins(text: &str) -> Option<i64> {
    const DAY_SECONDS: u64 = 86_400;
    const LAST_DAY: u64 = 2_932_896;
    let named = |day: &u64| utc(day * DAY_SECONDS).starts_with(text);
    let is_whole = text.len() == "1970-01-01".len();
    // Years, months and days are in the order of the text: halve what is left until one is.
    let (mut first, mut behind) = (0, LAST_DAY + 1);
    while behind - first > 1 {
        let middle = first.midpoint(behind);
        if utc(middle * DAY_SECONDS).as_str() <= text || named(&middle) { first = middle } else { behind = middle }
    }
    (is_whole && named(&first)).then(|| (first * DAY_SECONDS) as i64)
}

/// An amount of minor units with its currency, such as `12.50 EUR`; an unknown currency keeps its number.
pub fn money(minor_units: i64, currency: u16) -> String {
    let (name, digits) = match currency {
        156 => ("CNY", 2),
        344 => ("HKD", 2),
        392 => ("JPY", 0),
        410 => ("KRW", 0),
        446 => ("MOP", 2),
        702 => ("SGD", 2),
        756 => ("CHF", 2),
        826 => ("GBP", 2),
        840 => ("USD", 2),
        901 => ("TWD", 2),
        978 => ("EUR", 2),
        _ => return format!("{minor_units} minor units of currency {currency:03}"),
    };
    match digits {
        0 => format!("{minor_units} {name}"),
        _ => {
            let sign = if minor_units < 0 { "-" } else { "" };
            let absolute = minor_units.unsigned_abs();
            format!("{sign}{}.{:02} {name}", absolute / 100, absolute % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        for (text, begins) in [("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2026-11-23", 1_795_392_000)] {
            assert_eq!(day_begins(text), Some(begins), "{text}");
            assert!(utc(begins as u64).starts_with(text));
        }
        for wrong in
            ["", "2026-11", "2026-02-29", "2026-13-01", "1969-12-31", "2026-11-23 ", "x026-11-23", "20261-1-23"]
        {
            assert_eq!(day_begins(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_fall_where_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_164_800, "2024-02-29 00:00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59:59 UTC"),
            (1_735_689_600, "2025-01-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn amounts_read_as_money() {
        assert_eq!(money(1_250, 156), "12.50 CNY");
        assert_eq!(money(-5, 978), "-0.05 EUR");
        assert_eq!(money(7, 392), "7 JPY");
        assert_eq!(money(7, 36), "7 minor units of currency 036");
    }
}
