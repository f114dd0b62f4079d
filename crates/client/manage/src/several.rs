//! The same for several images, one after another.

use std::fmt::Display;

use gumnut_terminal::{Failure, exit_code};

/// The values in their order, each of them once.
pub fn once_each<T: Clone + PartialEq>(all: &[T]) -> Vec<T> {
    let mut each: Vec<T> = Vec::new();
    for one in all {
        if !each.contains(one) {
            each.push(one.clone());
        }
    }
    each
}

/// Does something with each in turn, and gives the results in the same order.
///
/// # Errors
/// The first of the work, which ends it; it says for which of them the work was done before.
pub async fn each<T: Display, R>(
    all: &[T],
    work: impl AsyncFn(&T) -> Result<R, anyhow::Error>,
) -> Result<Vec<R>, anyhow::Error> {
    let mut done = Vec::new();
    for (index, one) in all.iter().enumerate() {
        match work(one).await {
            Ok(result) => done.push(result),
            Err(error) if index == 0 => return Err(error),
            Err(error) => {
                let before: Vec<_> = all[..index].iter().map(ToString::to_string).collect();
                let before = before.join(", ");
                let message = format!("{one} failed, behind {before}, for which it is done");
                let exit = exit_code(&error, &[]);
                return Err(Failure::new(exit, message).because(error).into());
            }
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_twice_is_done_once() {
        assert_eq!(once_each(&[2, 1, 2, 3, 1]), [2, 1, 3]);
    }
}
