//! Slices in pieces, without a division.
//!
//! `slice::chunks` panics on a length of zero, and the compiler does not always see that there is
//! none: in a `zip` it divides by the length. These iterators neither panic nor divide, which also
//! spares cores without a divider a call.

use core::mem::take;

/// Consecutive pieces of `slice`, of `len` values each; the last may be shorter. A `len` of 0 counts as 1; an
/// empty slice has no pieces.
#[inline(always)]
pub(crate) fn pieces<T>(slice: &[T], len: usize) -> Pieces<'_, T> {
    Pieces { rest: slice, len: len.max(1) }
}

/// As [`pieces`], but with mutable pieces, which do not overlap.
#[inline(always)]
pub(crate) fn pieces_mut<T>(slice: &mut [T], len: usize) -> PiecesMut<'_, T> {
    PiecesMut { rest: slice, len: len.max(1) }
}

/// Iterator over the pieces of `rest`, made by `pieces`; `len` is at least 1.
pub(crate) struct Pieces<'a, T> {
    rest: &'a [T],
    len: usize,
}

/// Iterator over the mutable pieces of `rest`, made by `pieces_mut`; `len` is at least 1.
pub(crate) struct PiecesMut<'a, T> {
    rest: &'a mut [T],
    len: usize,
}

impl<'a, T> Iterator for Pieces<'a, T> {
    type Item = &'a [T];

    /// The next piece, never empty; `None` at the end of the slice.
    #[inline(always)]
    fn next(&mut self) -> Option<&'a [T]> {
        let (piece, rest) = self.rest.split_at_checked(self.len).unwrap_or((self.rest, &[]));
        self.rest = rest;
        if piece.is_empty() { None } else { Some(piece) }
    }

    /// The piece `n` places after the next one, found without a loop; `None`, and the iterator at its end,
    /// where there are not so many.
    #[inline(always)]
    fn nth(&mut self, n: usize) -> Option<&'a [T]> {
        self.rest = self.rest.get(n.saturating_mul(self.len)..).unwrap_or(&[]);
        self.next()
    }
}

impl<'a, T> Iterator for PiecesMut<'a, T> {
    type Item = &'a mut [T];

    /// The next piece, never empty; `None` at the end of the slice.
    #[inline(always)]
    fn next(&mut self) -> Option<&'a mut [T]> {
        let len = self.len.min(self.rest.len());
        let (piece, rest) = take(&mut self.rest).split_at_mut_checked(len)?;
        self.rest = rest;
        if piece.is_empty() { None } else { Some(piece) }
    }

    /// The piece `n` places after the next one, found without a loop; `None`, and the iterator at its end,
    /// where there are not so many.
    #[inline(always)]
    fn nth(&mut self, n: usize) -> Option<&'a mut [T]> {
        let skipped = n.saturating_mul(self.len);
        self.rest = take(&mut self.rest).get_mut(skipped..).unwrap_or(&mut []);
        self.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_chunks_of_at_least_one() {
        let mut values: [u8; 7] = core::array::from_fn(|i| i as u8);
        for len in 0..9 {
            for skipped in 0..9 {
                let chunks = values.chunks(len.max(1)).skip(skipped);
                assert!(pieces(&values, len).skip(skipped).eq(chunks), "{len}, {skipped}");
                let mut copy = values;
                let chunks = copy.chunks_mut(len.max(1)).skip(skipped);
                assert!(pieces_mut(&mut values, len).skip(skipped).eq(chunks), "{len}, {skipped}");
            }
        }
        assert!(pieces(&values, 2).nth(usize::MAX).is_none());
    }
}
