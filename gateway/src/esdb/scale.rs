//! Positions of the ledger as commit positions of the protocol.

use ledger::envelope::Position;

/// Commit positions that stand in a line: position `n` is at `n * step + shift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// How far apart two positions are, at least 1.
    pub step: u64,
    /// Where position 0 would be.
    pub shift: u64,
}

impl Scale {
    /// Commit positions that are the ledger's own.
    pub const ONE: Self = Self { step: 1, shift: 0 };

    /// The commit position of `position`.
    pub const fn commit(self, position: Position) -> u64 {
        position.0.saturating_mul(self.step).saturating_add(self.shift)
    }

    /// The last position whose commit position is at `commit` or below it.
    pub fn at_or_below(self, commit: u64) -> Position {
        let above = commit.saturating_sub(self.shift);
        Position(above.checked_div(self.step).unwrap_or_default())
    }

    /// The last position whose commit position is below `commit`.
    pub fn below(self, commit: u64) -> Position {
        match commit.checked_sub(1) {
            Some(before) => self.at_or_below(before),
            None => Position::START,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_two_positions_belongs_to_the_lower_one() {
        let scale = Scale { step: 10, shift: 3 };
        assert_eq!(scale.commit(Position(2)), 23);
        for (commit, at, below) in [(0, 0, 0), (12, 0, 0), (13, 1, 0), (14, 1, 1), (23, 2, 1)] {
            assert_eq!(scale.at_or_below(commit), Position(at), "{commit}");
            assert_eq!(scale.below(commit), Position(below), "{commit}");
        }
        assert_eq!(Scale::ONE.below(1), Position::START);
        assert_eq!(Scale::ONE.at_or_below(u64::MAX), Position(u64::MAX));
    }
}
