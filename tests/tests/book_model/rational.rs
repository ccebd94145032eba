//! Exact fractions: the only numbers that the model knows besides whole cents and days.

/// A fraction of whole numbers. Its denominator is whatever common multiple the additions so far
/// needed, which for yearly interest is bounded by that of 360, 365 and 366 millions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fraction {
    numerator: i128,
    denominator: i128,
}

impl Fraction {
    /// `numerator` over a `denominator` above zero.
    pub(crate) fn new(numerator: i128, denominator: i128) -> Self {
        assert!(denominator > 0, "{numerator}/{denominator}");
        Self { numerator, denominator }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let common = if self.denominator % other.denominator == 0 {
            self.denominator
        } else {
            self.denominator / divisor(self.denominator, other.denominator) * other.denominator
        };
        let whole = |part: Self| part.numerator * (common / part.denominator);
        Self { numerator: whole(self) + whole(other), denominator: common }
    }

    /// The nearest whole number; of two equally near the one away from zero.
    pub(crate) fn half_up(self) -> i128 {
        let away = (2 * self.numerator.abs() + self.denominator) / (2 * self.denominator);
        away * self.numerator.signum()
    }
}

/// The greatest common divisor, by Euclid.
fn divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[test]
fn fractions_add_and_round_as_in_school() {
    let sum = Fraction::new(1, 365).plus(Fraction::new(1, 366)).plus(Fraction::new(1, 360));
    // lcm(365, 366, 360) = 1,603,080 * 5 = 8,015,400 / 5; the sum is 13,206 / 1,603,080 and more.
    let exact = Fraction::new(366 * 360 + 365 * 360 + 365 * 366, 365 * 366 * 360);
    assert_eq!(sum.numerator * exact.denominator, exact.numerator * sum.denominator);
    for (numerator, denominator, rounded) in
        [(5, 2, 3), (-5, 2, -3), (249, 100, 2), (7, 3, 2), (-7, 3, -2), (8, 3, 3), (0, 7, 0)]
    {
        assert_eq!(Fraction::new(numerator, denominator).half_up(), rounded);
    }
}
