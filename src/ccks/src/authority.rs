//! Authority parameters: the public side of an authority, named by one digest.

mod encoding;

use crate::{
    AuthorityRefused, BadSignature, CompressedPoint, Credential, Identity, Malformed, Name, Purpose, Signature, Signer,
    Source, Suite, Time,
    curve::{
        affine::Point,
        jacobian::Jacobian,
        pairs::sum_of_points_vartime,
        products::{add, sum_of_products_vartime},
    },
    hash::{hash_to_scalar, sha256},
    signature::Statement,
};
use core::{fmt, marker::PhantomData};
use elliptic_curve::{Field, Group};
use encoding::{Header, STRUCTURE};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

#[cfg(feature = "alloc")]
use {
    crate::{P256, Secp256k1, SuiteId},
    alloc::{boxed::Box, vec::Vec},
    symbolon_multiscalar::Affine,
};

/// Points in a column of the matrix: one for each hexadecimal digit.
pub const ROWS: usize = 16;
/// Columns of the matrix: one for each digit of a SHA-256 digest.
pub const COLUMNS: usize = 64;
/// Points in the institution vector.
pub const INSTITUTIONS: usize = 64;
/// Points of an authority: the rotation key, the matrix, the institution vector.
pub const AFFINE_POINTS: usize = 1 + ROWS * COLUMNS + INSTITUTIONS;
/// Bytes of the longest authority parameters.
pub const MAXIMUM_PARAMETERS_SIZE: usize = 35_955 + Name::MAXIMUM_LENGTH;

/// SHA-256 of the authority parameters: the trust anchor.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct AuthorityId([u8; 32]);

impl AuthorityId {
    /// Takes the 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 8 bytes, by which a terminal finds the authority of a credential.
    pub fn prefix(&self) -> [u8; 8] {
        let [prefix @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = self.0;
        prefix
    }
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for AuthorityId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AuthorityId({self})")
    }
}

/// The points of an authority: T, the matrix a column at a time, the institution vector.
enum Points<'a, S: Suite> {
    /// In memory, and once more where sums of public points are made.
    #[cfg(feature = "alloc")]
    Owned(Box<[Point<S>]>, Box<[Affine<S::PublicCurve>]>),
    /// Prepared, where they are kept.
    Kept(Source<'a>, PhantomData<S>),
}

impl<S: Suite> Points<'_, S> {
    /// `None` beyond the last, and for a point that cannot be read where it is kept.
    fn at(&self, index: usize) -> Option<Point<S>> {
        match self {
            #[cfg(feature = "alloc")]
            Self::Owned(points, _) => points.get(index).copied(),
            Self::Kept(points, _) => encoding::read_point(points, index).ok().flatten(),
        }
    }

    /// As [`Self::at`].
    #[cfg(feature = "alloc")]
    fn public_at(&self, index: usize) -> Option<Affine<S::PublicCurve>> {
        match self {
            Self::Owned(_, points) => points.get(index).copied(),
            Self::Kept(..) => self.at(index).map(Point::to_public),
        }
    }
}

/// The public side of an authority.
///
/// A server decodes the parameters' points into memory once, a square root each, 1,089 of them ([`Authority::parse`]).
/// A terminal reads them, prepared, where they are kept ([`Authority::open`]). [`Authority::id`] is the digest of the
/// parameters: after parsing, compare it with the digest you trust before you use anything else.
pub struct Authority<'a, S: Suite> {
    id: AuthorityId,
    name: Name,
    created: Time,
    points: Points<'a, S>,
    /// The key of the institution that is called like the authority.
    own_institution_key: Point<S>,
}

impl<'a, S: Suite> Authority<'a, S> {
    /// Takes prepared parameters ([`Self::prepared_size`], `prepare_parameters`) where they are kept, and goes on reading
    /// there, 64 points to verify a credential's signature.
    ///
    /// All of them are read once: each point must be on the curve, and the digest over the parameters as they travel must
    /// be `id`, the digest that is trusted. Who may change them later decides what verifies.
    ///
    /// # Errors
    /// [`AuthorityRefused`] when they cannot be read, are not prepared parameters of this suite, or another authority's.
    pub fn open(source: Source<'a>, id: &AuthorityId) -> Result<Self, AuthorityRefused> {
        Self::open_with(source, id, None)
    }

    /// As [`Self::open`], with the key of the institution that is called like the authority, both coordinates, as
    /// [`Self::own_key`] has it. To compute it from 64 points is nearly all that opening takes.
    ///
    /// The key is believed as `id` is: whoever may change it decides what verifies. It belongs where the id is kept, such as
    /// one-time memory, and not where the parameters are. With a wrong one nothing of the authority verifies.
    ///
    /// # Errors
    /// As [`Self::open`]; [`AuthorityRefused::Malformed`] for a key that is not on the curve.
    pub fn open_with_key(source: Source<'a>, id: &AuthorityId, own_key: &[u8; 64]) -> Result<Self, AuthorityRefused> {
        Self::open_with(source, id, Some(own_key))
    }

    fn open_with(source: Source<'a>, id: &AuthorityId, own_key: Option<&[u8; 64]>) -> Result<Self, AuthorityRefused> {
        const OFF_CURVE: Malformed =
            Malformed::new(STRUCTURE, "the authority's own institution key is not on the curve");
        let (header, digest, points) = encoding::open::<S>(source)?;
        if digest != *id.as_bytes() {
            return Err(AuthorityRefused::OtherAuthority);
        }
        let points = Points::Kept(points, PhantomData);
        let Some(own_key) = own_key else { return Ok(Self::assemble(&header, digest, points)?) };
        let own_key = Point::from_coordinates_unchecked(own_key).filter(Point::is_on_curve).ok_or(OFF_CURVE)?;
        Ok(Self::assemble_with(&header, digest, points, own_key))
    }

    /// The key of the institution that is called like the authority, 32 bytes big-endian each coordinate, x first: for
    /// [`Self::open_with_key`].
    #[cfg(feature = "alloc")]
    pub fn own_key(&self) -> [u8; 64] {
        self.own_institution_key.to_coordinates()
    }

    /// Bytes of the prepared parameters of an authority whose name has so many characters.
    pub const fn prepared_size(name_length: usize) -> usize {
        encoding::prepared_size(name_length)
    }

    fn assemble(header: &Header, digest: [u8; 32], points: Points<'a, S>) -> Result<Self, Malformed> {
        let id = AuthorityId(digest);
        let own_institution_key = institution_point(&id, &points, &header.name)
            .ok_or(Malformed::new(STRUCTURE, "the authority's own institution key is the identity"))?;
        Ok(Self::assemble_with(header, digest, points, own_institution_key))
    }

    fn assemble_with(header: &Header, digest: [u8; 32], points: Points<'a, S>, own_institution_key: Point<S>) -> Self {
        let id = AuthorityId(digest);
        Self { id, name: header.name, created: header.created, points, own_institution_key }
    }

    /// The digest that names this authority.
    pub fn id(&self) -> &AuthorityId {
        &self.id
    }

    /// The authority's name, which is also an institution.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// When the authority was created.
    pub fn created(&self) -> Time {
        self.created
    }

    /// The digits that pick an identity's points out of the matrix, each 0 to 15, one a column.
    pub fn digits(&self, identity: &Identity) -> [u8; COLUMNS] {
        digits(&self.id, identity)
    }

    /// `D`, the sum of the matrix points that an identity's digits pick; `None` when one cannot be read where it is kept.
    pub fn matrix_point(&self, identity: &Identity) -> Option<S::Projective> {
        match self.matrix_sum(identity)? {
            Some(sum) => sum.to_affine()?.to_projective(),
            None => Some(S::Projective::identity()),
        }
    }

    /// `D` for a computation on public data; the inner `None` is the identity.
    #[inline(never)]
    fn matrix_sum(&self, identity: &Identity) -> Option<Option<Jacobian<S>>> {
        self.matrix_sum_of(&self.digits(identity))
    }

    fn matrix_sum_of(&self, digits: &[u8; COLUMNS]) -> Option<Option<Jacobian<S>>> {
        sum_of_points_vartime::<S, { COLUMNS / 2 }>(|column| {
            let row = usize::from(*digits.get(column)?);
            self.points.at(1 + column * ROWS + row)
        })
    }

    /// A point of the matrix, counted a column at a time; `None` when it cannot be read where it is kept.
    #[cfg(feature = "alloc")]
    pub(crate) fn public_matrix_cell(&self, index: usize) -> Option<Affine<S::PublicCurve>> {
        self.points.public_at(1 + index)
    }

    /// The sum of the matrix points that these digits pick, the first the high half of the first byte; the inner `None` is the
    /// identity.
    #[cfg(feature = "alloc")]
    pub(crate) fn public_matrix_point(&self, digest: &[u8; COLUMNS / 2]) -> Option<Option<Affine<S::PublicCurve>>> {
        match self.matrix_sum_of(&each_digit(digest))? {
            Some(sum) => Some(Some(sum.to_affine()?.to_public())),
            None => Some(None),
        }
    }

    /// The public key of a credential, `Q = e*P + D`.
    ///
    /// Any P on the curve gives some key: nothing about the holder is established before a signature verifies.
    ///
    /// # Errors
    /// [`BadSignature`] when the credential is of another suite or authority, P is no point of the curve, `e` is zero
    /// or `Q` is the identity.
    pub fn public_key(&self, credential: &Credential) -> Result<CompressedPoint, BadSignature> {
        let (point, factor) = self.reconstruction(credential)?;
        let key = self.combination(&S::Scalar::ZERO, credential, (point, factor), S::Scalar::ONE)?;
        key.and_then(Jacobian::to_affine).and_then(|key| key.compressed()).ok_or(BadSignature)
    }

    /// The public key of an institution, known by its name alone.
    ///
    /// # Errors
    /// [`BadSignature`] in the case, which nobody can bring about, that it is the identity.
    pub fn institution_key(&self, name: &Name) -> Result<CompressedPoint, BadSignature> {
        institution_point(&self.id, &self.points, name).and_then(|point| point.compressed()).ok_or(BadSignature)
    }

    /// The rotation key T, whose secret is kept offline and names a successor.
    pub fn rotation_key(&self) -> Option<CompressedPoint> {
        self.points.at(0).and_then(|point| point.compressed())
    }

    /// Verifies a signature: `zG - cQ` must encode as R.
    ///
    /// `message` is the concatenation of its parts, at most [`crate::MAXIMUM_MESSAGE_PARTS`]. For a credential `Q` is
    /// not formed first: `zG - (ce)P - cD` is one multi-scalar multiplication, in time that depends on its (public)
    /// inputs. That `Q` is not the identity is not tested on the way, since reaching it means to find a P with
    /// `e(P)*P = -D`: a preimage of `e`, out of reach even for the authority.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause: a signer that may not sign for this purpose, a credential of another
    /// suite or authority, a point off the curve, a scalar out of range, or an equation that does not hold.
    pub fn verify(
        &self,
        signer: Signer<'_>,
        purpose: Purpose,
        message: &[&[u8]],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        if !signer.may_sign(purpose, &self.name) {
            return Err(BadSignature);
        }
        let statement = Statement::new(self.id.as_bytes(), &signer, purpose, message).ok_or(BadSignature)?;
        let response = S::decode_scalar(signature.response()).ok_or(BadSignature)?;
        let challenge = statement.challenge::<S>(signature.commitment());
        let sum = match signer {
            Signer::Credential(credential) => {
                let (point, factor) = self.reconstruction(credential)?;
                self.combination(&response, credential, (point, -(challenge * factor)), -challenge)?
            }
            Signer::Institution(_) => commitment::<S>(&response, self.own_institution_key, -challenge)?,
            Signer::Point(point) => {
                let key = Point::decode(point).ok_or(BadSignature)?;
                commitment(&response, key, -challenge)?
            }
            Signer::Rotation => {
                let key = self.points.at(0).ok_or(BadSignature)?;
                commitment(&response, key, -challenge)?
            }
        };
        let commitment = sum.and_then(Jacobian::to_affine).and_then(|sum| sum.compressed());
        if commitment.as_ref() == Some(signature.commitment()) { Ok(()) } else { Err(BadSignature) }
    }

    /// zG + pP + dD, given P with p, and d; `None` is the identity.
    fn combination(
        &self,
        generator: &S::Scalar,
        credential: &Credential,
        (point, factor): (Point<S>, S::Scalar),
        matrix_factor: S::Scalar,
    ) -> Result<Option<Jacobian<S>>, BadSignature> {
        let point = (Jacobian::from(point), factor);
        match self.matrix_sum(credential.identity()).ok_or(BadSignature)? {
            Some(sum) => sum_of_products_vartime(generator, &[point, (sum, matrix_factor)]),
            None => sum_of_products_vartime(generator, &[point]),
        }
        .ok_or(BadSignature)
    }

    /// Whether an archived issue stands behind a credential: `sG = e(P - U) + D`.
    ///
    /// With a record that the holder asked for U, this ties the credential to the person: only an issue over that U
    /// satisfies it, whereas an issuer can always make itself another key for the same identity.
    pub fn archive_binds(
        &self,
        credential: &Credential,
        holder_point: &CompressedPoint,
        contribution: &[u8; 32],
    ) -> bool {
        self.contribution_holds(credential, holder_point, contribution).is_some()
    }

    /// The contribution s as a scalar, if `sG = e(P - U) + D`.
    pub(crate) fn contribution_holds(
        &self,
        credential: &Credential,
        holder_point: &CompressedPoint,
        contribution: &[u8; 32],
    ) -> Option<S::Scalar> {
        let (point, factor) = self.reconstruction(credential).ok()?;
        let holder_point = S::decode_point(holder_point)?;
        let contribution = S::decode_scalar(contribution)?;
        // s is secret until the holder has combined it with u: constant time on this side.
        let left = S::Projective::mul_by_generator(&contribution);
        let right = (point.to_projective()? - holder_point) * factor + self.matrix_point(credential.identity())?;
        (left == right).then_some(contribution)
    }

    /// P and e of a credential of this authority.
    #[inline(never)]
    fn reconstruction(&self, credential: &Credential) -> Result<(Point<S>, S::Scalar), BadSignature> {
        let identity = credential.identity();
        if identity.suite() != S::ID || identity.authority_prefix() != self.id.prefix() {
            return Err(BadSignature);
        }
        let factor = credential_factor::<S>(&self.id, credential);
        if bool::from(factor.is_zero()) {
            return Err(BadSignature);
        }
        let point = Point::decode(credential.reconstruction_point()).ok_or(BadSignature)?;
        Ok((point, factor))
    }
}

/// zG + kQ; `None` is the identity.
fn commitment<S: Suite>(
    generator: &S::Scalar,
    key: Point<S>,
    factor: S::Scalar,
) -> Result<Option<Jacobian<S>>, BadSignature> {
    sum_of_products_vartime(generator, &[(key.into(), factor)]).ok_or(BadSignature)
}

/// The sum of `h_j V[j]`; `None` when it is the identity or a point cannot be read where it is kept.
fn institution_point<S: Suite>(id: &AuthorityId, points: &Points<'_, S>, name: &Name) -> Option<Point<S>> {
    let term = |index: u8| {
        let point = points.at(1 + ROWS * COLUMNS + usize::from(index))?;
        Some((Jacobian::from(point), institution_factor::<S>(id, name, index)))
    };
    let mut sum: Option<Jacobian<S>> = None;
    for index in (0..INSTITUTIONS as u8).step_by(2) {
        let pair = sum_of_products_vartime(&S::Scalar::ZERO, &[term(index)?, term(index + 1)?])?;
        if let Some(pair) = pair {
            let Point { x, y } = pair.to_affine()?;
            add(&mut sum, &x, &y, false);
        }
    }
    sum?.to_affine()
}

#[cfg(feature = "alloc")]
impl<S: Suite> Authority<'static, S> {
    /// Parses authority parameters into memory from the heap.
    ///
    /// # Errors
    /// [`Malformed`] for anything but the one encoding of an authority of this suite.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (header, points) = encoding::parse(bytes)?;
        let public = points.iter().copied().map(Point::to_public).collect();
        Self::assemble(&header, sha256(&[bytes]), Points::Owned(points.into_boxed_slice(), public))
    }
}

/// Authority parameters as a terminal keeps them: both coordinates of every point ([`Authority::open`]).
///
/// # Errors
/// [`Malformed`] for anything but the parameters of an authority of a known suite.
#[cfg(feature = "alloc")]
pub fn prepare_parameters(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    fn prepare<S: Suite>(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        let (header, points) = encoding::parse::<S>(bytes)?;
        let mut prepared = Vec::with_capacity(Authority::<S>::prepared_size(header.name.as_ascii().len()));
        prepared.extend(bytes.iter().take(header.size));
        points.iter().for_each(|point| prepared.extend(point.to_coordinates()));
        Ok(prepared)
    }
    const SUITE_OFFSET: usize = 5;
    match bytes.get(SUITE_OFFSET).map(|suite| SuiteId::from_byte(*suite)) {
        Some(Ok(SuiteId::Secp256k1Sha256)) => prepare::<Secp256k1>(bytes),
        // Whatever is wrong with the others is told there.
        _ => prepare::<P256>(bytes),
    }
}

impl<S: Suite> fmt::Debug for Authority<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("suite", &S::ID)
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// SHA-256("SYMBOLON-V1-INDEX" || authority_id || identity), as hexadecimal digits, first first.
pub(crate) fn digits(id: &AuthorityId, identity: &Identity) -> [u8; COLUMNS] {
    each_digit(&sha256(&[b"SYMBOLON-V1-INDEX", id.as_bytes(), identity.as_bytes()]))
}

fn each_digit(digest: &[u8; COLUMNS / 2]) -> [u8; COLUMNS] {
    let mut digits = [0; COLUMNS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[byte >> 4, byte & 0x0f]);
    }
    digits
}

/// `e = H2S("CREDENTIAL", authority_id || credential)`.
pub(crate) fn credential_factor<S: Suite>(id: &AuthorityId, credential: &Credential) -> S::Scalar {
    hash_to_scalar::<S>("CREDENTIAL", &[id.as_bytes(), credential.as_bytes()])
}

/// `h_j = H2S("INSTITUTION", authority_id || name || j)`.
pub(crate) fn institution_factor<S: Suite>(id: &AuthorityId, name: &Name, index: u8) -> S::Scalar {
    hash_to_scalar::<S>("INSTITUTION", &[id.as_bytes(), name.encoded(), &[index]])
}

const _: () = assert!(AFFINE_POINTS == 1_089);
