//! What a processor answers to a batch.

use crate::{Fault, Outcome};

/// One answer a task, in their order. Most messages go on as they came: those are counted, and take no room.
#[derive(Debug, Default)]
pub struct Answers {
    count: usize,
    /// What else was answered, and to which task.
    others: Vec<(usize, Result<Outcome, Fault>)>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// On to the next step as it came: [`Outcome::default`].
    Pass,
    /// Anything else.
    Other(Result<Outcome, Fault>),
}

impl Answers {
    /// The next message goes on as it came.
    pub fn pass(&mut self) {
        self.count += 1;
    }

    /// The answer to the next message.
    pub fn push(&mut self, answer: Result<Outcome, Fault>) {
        if !answer.as_ref().is_ok_and(Outcome::passes) {
            self.others.push((self.count, answer));
        }
        self.count += 1;
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets those behind the first `count`.
    pub fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
        while self.others.last().is_some_and(|(place, _)| *place >= count) {
            self.others.pop();
        }
    }

    /// The faults among those behind the first `count`.
    pub fn faults_behind(&self, count: usize) -> impl Iterator<Item = &Fault> {
        let behind = self.others.iter().rev().take_while(move |(place, _)| *place >= count);
        behind.filter_map(|(_, answer)| answer.as_ref().err())
    }

    /// Takes all of them, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Answer> {
        let mut others = self.others.drain(..).peekable();
        (0..std::mem::take(&mut self.count)).map(move |at| {
            let other = others.next_if(|(place, _)| *place == at);
            other.map_or(Answer::Pass, |(_, answer)| Answer::Other(answer))
        })
    }
}

impl From<Answer> for Result<Outcome, Fault> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Pass => Ok(Outcome::default()),
            Answer::Other(answer) => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    fn ended(reason: &str) -> Result<Outcome, Fault> {
        Ok(Outcome { verdict: Verdict::Term(reason.to_owned()), ..Outcome::default() })
    }

    fn failed() -> Result<Outcome, Fault> {
        Err(Fault::Reject { reason: "no".to_owned() })
    }

    #[test]
    fn they_come_out_in_the_order_they_were_given() {
        let mut answers = Answers::default();
        answers.push(ended("first"));
        answers.pass();
        answers.push(Ok(Outcome::default()));
        answers.push(failed());
        answers.pass();
        assert_eq!((answers.len(), answers.others.len()), (5, 2));
        let (first, failed) = (Answer::Other(ended("first")), Answer::Other(failed()));
        assert_eq!(
            answers.drain().collect::<Vec<_>>(),
            [first, Answer::Pass, Answer::Pass, failed, Answer::Pass]
        );
        assert!(answers.is_empty() && answers.drain().next().is_none());
    }

    #[test]
    fn those_behind_are_forgotten_and_others_come_in_their_place() {
        let mut answers = Answers::default();
        for answer in [failed(), ended("second"), failed()] {
            answers.push(answer);
        }
        assert_eq!(answers.faults_behind(1).count(), 1);
        answers.truncate(1);
        assert_eq!((answers.len(), answers.faults_behind(1).count()), (1, 0));
        answers.pass();
        answers.truncate(9);
        assert_eq!(answers.drain().collect::<Vec<_>>(), [Answer::Other(failed()), Answer::Pass]);
    }
}
