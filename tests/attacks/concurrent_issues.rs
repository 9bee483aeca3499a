//! Concurrent issues (ROS).
//!
//! An issuer that shows `K = kG` before it sees U, as a round trip in two moves would, can be asked for many K at once
//! before any U is sent. Then the requester chooses the U, and with each of them one of two challenges, so that the
//! answers add up to one more than was issued. With as many open sessions as a scalar has bits this takes no search at
//! all (Benhamouda, Lepoint, Loss, Orrù, Raykova: "On the (in)security of ROS", 2021); it breaks blind Schnorr signatures,
//! and it breaks this issue: `s/e = k + m/e` is a Schnorr response with the challenge 1/e.
//!
//! Ours has one move. U comes with the request, k is a hash of it, and the answer (credential, s) is one value: nothing
//! that depends on k leaves before s does.

use crate::{
    city::{City, Holder, TestSuite},
    forger::{self, decode, factor, times_generator},
};
use elliptic_curve::{Field, Group};
use std::thread;
use symbolon_ccks::{
    Authority, AuthoritySecret, Class, CompressedPoint, Credential, Identity, IssueError, Issued, PossessionMessage,
    Signature,
};

for_each_suite!(
    a_two_move_issuer_gives_one_more_key,
    our_answer_is_one_message,
    interleaved_issues_answer_as_single_ones,
);

/// An issuer in two moves: first K, then, once U is there, s.
struct TwoMoves<'a, S: TestSuite> {
    city: &'a City<S>,
    identity: Identity,
    nonces: Vec<S::Scalar>,
}

impl<S: TestSuite> TwoMoves<'_, S> {
    fn open(&mut self) -> CompressedPoint {
        let nonce = forger::scalar::<S>(&format!("session {}", self.nonces.len()));
        self.nonces.push(nonce);
        times_generator::<S>(&nonce)
    }

    fn close(&self, session: usize, holder_point: &S::Projective) -> (Credential, S::Scalar) {
        let nonce = self.nonces[session];
        let point = S::Projective::mul_by_generator(&nonce) + holder_point;
        let credential = Credential::new(self.identity, S::encode_point(&point).unwrap());
        let factor = factor::<S>(self.city.authority.id(), &credential);
        (credential, factor * nonce + self.city.matrix_secret(&self.identity))
    }
}

/// What the attacker prepares for a session: two U, and the inverse of the e that each would get.
struct Choice<S: TestSuite> {
    points: [S::Projective; 2],
    inverse_factors: [S::Scalar; 2],
}

fn choose<S: TestSuite>(city: &City<S>, identity: &Identity, nonce_point: &CompressedPoint) -> Choice<S> {
    let points = ["heads", "tails"].map(|side| S::Projective::mul_by_generator(&forger::scalar::<S>(side)));
    let inverse_factors = points.map(|point| {
        let point = S::encode_point(&(decode::<S>(nonce_point) + point)).unwrap();
        let credential = Credential::new(*identity, point);
        factor::<S>(city.authority.id(), &credential).invert().unwrap()
    });
    Choice { points, inverse_factors }
}

fn a_two_move_issuer_gives_one_more_key<S: TestSuite>() {
    let city = S::city();
    let identity = city.identity(Class::Card, 1);
    let mut issuer = TwoMoves { city, identity, nonces: Vec::new() };
    // First move of 256 sessions, one for each bit of a scalar.
    let nonce_points: Vec<CompressedPoint> = (0..256).map(|_| issuer.open()).collect();
    let choices: Vec<Choice<S>> = nonce_points.iter().map(|point| choose(city, &identity, point)).collect();

    // Weights such that taking choice b_i in session i makes the weighted sum of the inverse factors equal to a constant
    // plus the number whose bits are the b_i: any number whatever.
    let mut power = S::Scalar::ONE;
    let mut weights = Vec::new();
    let mut constant = S::Scalar::ZERO;
    let mut one_more = S::Projective::identity();
    for (choice, nonce_point) in choices.iter().zip(&nonce_points) {
        let [heads, tails] = choice.inverse_factors;
        let weight = power * (tails - heads).invert().unwrap();
        constant += weight * heads;
        one_more += decode::<S>(nonce_point) * weight;
        weights.push(weight);
        power = power.double();
    }
    // The credential that nobody will have issued: its P is the weighted sum of the K, its e is known now.
    let forged = Credential::new(identity, S::encode_point(&one_more).unwrap());
    let factor = factor::<S>(city.authority.id(), &forged);
    let wanted = factor.invert().unwrap() - constant;
    let bits = S::encode_scalar(&wanted);

    // Second move: sum(weight * s/e) = sum(weight * k) + m * sum(weight / e) = k' + m/e', where k' belongs to the forged P.
    let mut sum = S::Scalar::ZERO;
    for (session, (choice, weight)) in choices.iter().zip(&weights).enumerate() {
        let bit = usize::from(bits[31 - session / 8] >> (session % 8) & 1);
        let (credential, s) = issuer.close(session, &choice.points[bit]);
        assert_ne!(credential, forged, "nobody issued this");
        sum += *weight * s * choice.inverse_factors[bit];
    }
    let secret = factor * sum;
    assert!(forger::opens(&city.authority, &forged, &secret));
}

/// The whole of an issue, as its type has it.
type Issue<S> = fn(
    &AuthoritySecret<S>,
    &Authority<'_, S>,
    &Identity,
    PossessionMessage<'_>,
    &CompressedPoint,
    &Signature,
    &[u8; 32],
) -> Result<Issued, IssueError>;

fn our_answer_is_one_message<S: TestSuite>() {
    // One function takes U and gives the credential together with s. It takes the authority's secret by shared
    // reference and returns no session: there is no first move to ask for, and no state between two calls.
    let _one_move: Issue<S> = AuthoritySecret::<S>::issue;
    // A refusal is one of four words, which no k goes into.
    assert_eq!(size_of::<IssueError>(), 1);
    // The attack's first step fails: whatever the requester learns of k (kG = P - U) it learns with s, and for another
    // U, chosen after it, k is another.
    let city = S::city();
    let identity = city.identity(Class::Card, 1);
    let nonce_point = |holder: &Holder<S>| {
        decode::<S>(holder.issued.credential.reconstruction_point()) - decode::<S>(holder.enrolment.point())
    };
    let learnt = nonce_point(&city.issue(&identity, 1));
    for seed in 2..10 {
        assert_ne!(nonce_point(&city.issue(&identity, seed)), learnt);
    }
}

fn interleaved_issues_answer_as_single_ones<S: TestSuite>() {
    let city = S::city();
    let issue = |number| city.issue(&city.identity(Class::Card, number), number).issued;
    let single: Vec<Issued> = (0..8).map(issue).collect();
    let interleaved: Vec<Issued> = thread::scope(|scope| {
        let sessions: Vec<_> = (0..8).map(|number| scope.spawn(move || issue(number))).collect();
        sessions.into_iter().map(|session| session.join().unwrap()).collect()
    });
    assert!(single == interleaved);
}
