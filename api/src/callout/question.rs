//! What nats-server asks.
//!
//! A question is sealed for this service's curve key with a curve key of the server, which travels in
//! a header and again, signed by the server, inside. The server's own key is vouched for by nobody;
//! what makes a question worth an answer is that only the servers publish in its account, and that the
//! answer is sealed for the one who asked and good for one login only.

use crate::{
    claims::{
        AccountKey, AuthorizationRequest, AuthorizationResponse, Claims, CurveKey, DecodeError,
        KeyError, OpenError, SealError, SignError, jwt::Jwt,
    },
    keys::CalloutKeys,
};

/// The header that holds the server's curve key.
pub const XKEY_HEADER: &str = "Nats-Server-Xkey";
/// Whom questions are for.
const AUDIENCE: &str = "nats-authorization-request";
/// Largest sealed question, in bytes: what a client may send with its CONNECT is a tenth of it.
const MAX_BYTES: usize = 64 << 10;

/// What came is no question of a server's. It gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// It is larger than any.
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// It does not say who sealed it.
    #[error("it has no header {XKEY_HEADER}")]
    NotSealed,
    /// Who is said to have sealed it cannot have.
    #[error("its header {XKEY_HEADER} is no curve key")]
    Xkey(#[source] KeyError),
    /// It was not sealed for this service by that key.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// In the box is no text.
    #[error("it holds no text")]
    NotText,
    /// In the box is no question, or one whose time is not now.
    #[error("it holds no question to go by")]
    Claims(#[source] DecodeError),
    /// It is for somebody else.
    #[error("its audience is another")]
    Audience,
    /// It is about another account.
    #[error("it is about another account")]
    Account,
    /// It was not signed by the server that it names.
    #[error("it is signed by another server than it names")]
    Server,
    /// It was not sealed by the server that it names.
    #[error("it is sealed by another server than it names")]
    OtherXkey,
    /// It never ends.
    #[error("it has no end")]
    NoEnd,
    /// It was asked before.
    #[error("it was asked before")]
    Replayed,
}

/// An answer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It could not be signed.
    #[error("the answer could not be signed")]
    Sign(#[from] SignError),
    /// It could not be sealed.
    #[error("the answer could not be sealed")]
    Seal(#[from] SealError),
}

/// A question that a server asked of this service just now.
#[derive(Debug)]
pub struct Question {
    /// What it says, verified.
    pub asked: AuthorizationRequest,
    /// When nats-server will have given up, in Unix seconds.
    pub expires_at: i64,
    xkey: CurveKey,
}

impl Question {
    /// Opens a message and checks all of it but whether it was asked before. `xkey` is the header
    /// [`XKEY_HEADER`], `now` in Unix seconds.
    ///
    /// # Errors
    /// One variant of [`QuestionError`] for each way not to be a question.
    pub fn open(
        keys: &CalloutKeys,
        xkey: Option<&str>,
        sealed: &[u8],
        now: i64,
    ) -> Result<Self, QuestionError> {
        if sealed.len() > MAX_BYTES {
            return Err(QuestionError::TooLarge);
        }
        let xkey = xkey.ok_or(QuestionError::NotSealed)?;
        let xkey = CurveKey::parse(xkey).map_err(QuestionError::Xkey)?;
        let opened = keys.curve.open(sealed, &xkey)?;
        let token = std::str::from_utf8(&opened).map_err(|_| QuestionError::NotText)?;
        // Every server's key is as good as any other; that it is the one named is checked below.
        let claims = Claims::<AuthorizationRequest>::decode_trusted(token, now, |_| true)
            .map_err(QuestionError::Claims)?;
        if claims.aud.as_deref() != Some(AUDIENCE) {
            return Err(QuestionError::Audience);
        }
        if claims.sub != keys.account {
            return Err(QuestionError::Account);
        }
        if claims.iss != claims.nats.server_id.id {
            return Err(QuestionError::Server);
        }
        if claims.nats.server_id.xkey.as_ref() != Some(&xkey) {
            return Err(QuestionError::OtherXkey);
        }
        let expires_at = claims.exp.ok_or(QuestionError::NoEnd)?;
        Ok(Self { asked: claims.nats, expires_at, xkey })
    }

    /// The answer that lets the client in as this user, or, without one, turns it away. It is signed,
    /// for this server and this login alone, and sealed for the server. Why the client is turned away
    /// stays here.
    ///
    /// # Errors
    /// One variant of [`AnswerError`] for each step.
    pub fn answer(
        &self,
        keys: &CalloutKeys,
        user: Option<&Jwt>,
        now: i64,
    ) -> Result<Vec<u8>, AnswerError> {
        let mut body = match user {
            Some(user) => AuthorizationResponse::admit(user),
            None => AuthorizationResponse::refuse("refused"),
        };
        body.issuer_account = Some(AccountKey::clone(&keys.account));
        let key = self.asked.user_nkey.clone();
        let mut claims = Claims::new(key, "", now, body, keys.response.public());
        claims.aud = Some(self.asked.server_id.id.to_string());
        let jwt = claims.seal(&keys.response)?;
        Ok(keys.curve.seal(jwt.as_str().as_bytes(), &self.xkey)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claims::{
            AccountPair, CurvePair, Permission, ServerPair, UserClaims, UserPair,
            authorization::{ClientInfo, ConnectOpts, ServerId},
        },
        keys::ServiceCredentials,
    };

    const NOW: i64 = 1_800_000_000;

    fn account() -> AccountPair {
        AccountPair::from_random([1; 32]).unwrap()
    }
    fn server() -> ServerPair {
        ServerPair::from_random([2; 32]).unwrap()
    }
    fn curve(n: u8) -> CurvePair {
        CurvePair::from_random([n; 32]).unwrap()
    }
    fn servers_curve() -> CurvePair {
        curve(9)
    }

    fn keys() -> CalloutKeys {
        let user = UserPair::from_random([3; 32]).unwrap();
        let claims =
            UserClaims::new(Permission::nothing(), Permission::nothing(), 1, 1, Vec::new());
        let jwt = Claims::sign(user.public(), "", NOW, None, claims, &account()).unwrap();
        CalloutKeys {
            credentials: ServiceCredentials::new(jwt, user),
            account: account().public().clone(),
            response: AccountPair::from_random([4; 32]).unwrap(),
            curve: curve(5),
        }
    }

    fn claims() -> Claims<AuthorizationRequest> {
        let id = ServerId {
            name: "single".into(),
            host: "0.0.0.0".into(),
            id: server().public().clone(),
            version: String::new(),
            cluster: String::new(),
            tags: Vec::new(),
            xkey: Some(servers_curve().public().clone()),
        };
        let user = UserPair::from_random([6; 32]).unwrap().public().clone();
        let body =
            AuthorizationRequest::new(id, user, ClientInfo::default(), ConnectOpts::default());
        let mut claims = Claims::new(account().public().clone(), "", NOW, body, server().public());
        claims.aud = Some(AUDIENCE.to_owned());
        claims.exp = Some(NOW + 5);
        claims
    }

    fn sealed(claims: &mut Claims<AuthorizationRequest>, by: &ServerPair) -> Vec<u8> {
        let jwt = claims.seal(by).unwrap();
        servers_curve().seal(jwt.as_str().as_bytes(), keys().curve.public()).unwrap()
    }

    fn open(sealed: &[u8]) -> Result<Question, QuestionError> {
        Question::open(&keys(), Some(servers_curve().public().as_str()), sealed, NOW)
    }

    #[test]
    fn a_servers_question_is_taken_and_the_answer_is_for_it_alone() {
        let question = open(&sealed(&mut claims(), &server())).unwrap();
        assert_eq!(question.expires_at, NOW + 5);
        let answer = question.answer(&keys(), None, NOW).unwrap();
        assert!(curve(7).open(&answer, keys().curve.public()).is_err());
        let opened = servers_curve().open(&answer, keys().curve.public()).unwrap();
        let text = std::str::from_utf8(&opened).unwrap();
        let answer = Claims::<AuthorizationResponse>::decode(text).unwrap();
        assert_eq!(answer.iss, *keys().response.public());
        assert_eq!(answer.nats.issuer_account, Some(account().public().clone()));
        assert_eq!(answer.sub, question.asked.user_nkey);
        assert_eq!(answer.aud.as_deref(), Some(server().public().as_str()));
        // Whatever the reason, nothing of it leaves this service.
        assert_eq!(answer.nats.outcome(), Err("refused"));
    }

    #[test]
    fn what_is_not_sealed_for_this_service_by_the_server_it_names_is_no_question() {
        let good = sealed(&mut claims(), &server());
        let jwt = claims().seal(&server()).unwrap();
        let (ours, theirs) = (keys().curve, servers_curve());
        let plain = jwt.as_str().as_bytes();
        assert!(matches!(open(plain), Err(QuestionError::Open(_))));
        assert!(matches!(open(b""), Err(QuestionError::Open(_))));
        assert!(matches!(open(&good[..good.len() - 1]), Err(QuestionError::Open(_))));
        assert!(matches!(open(&vec![0; MAX_BYTES + 1]), Err(QuestionError::TooLarge)));
        let for_another = theirs.seal(plain, curve(7).public()).unwrap();
        assert!(matches!(open(&for_another), Err(QuestionError::Open(_))));
        let by_another = curve(7).seal(plain, ours.public()).unwrap();
        assert!(matches!(open(&by_another), Err(QuestionError::Open(_))));

        let with = |xkey: Option<&str>| Question::open(&keys(), xkey, &good, NOW);
        assert!(matches!(with(None), Err(QuestionError::NotSealed)));
        assert!(matches!(with(Some("")), Err(QuestionError::Xkey(_))));
        assert!(matches!(with(Some(server().public().as_str())), Err(QuestionError::Xkey(_))));
        assert!(matches!(with(Some(curve(7).public().as_str())), Err(QuestionError::Open(_))));
        // Somebody with a curve key of its own who has got hold of what a server signed.
        let stranger = curve(7);
        let resealed = stranger.seal(plain, ours.public()).unwrap();
        let question = Question::open(&keys(), Some(stranger.public().as_str()), &resealed, NOW);
        assert!(matches!(question, Err(QuestionError::OtherXkey)));
    }

    #[test]
    fn what_is_sealed_must_be_a_question_of_now_to_this_service() {
        type Change = fn(&mut Claims<AuthorizationRequest>);
        let refuse = |change: Change| {
            let mut claims = claims();
            change(&mut claims);
            open(&sealed(&mut claims, &server())).unwrap_err()
        };
        assert!(matches!(refuse(|c| c.aud = None), QuestionError::Audience));
        assert!(matches!(refuse(|c| c.aud = Some("nats".into())), QuestionError::Audience));
        let other: Change = |c| c.sub = AccountPair::from_random([8; 32]).unwrap().public().clone();
        assert!(matches!(refuse(other), QuestionError::Account));
        assert!(matches!(refuse(|c| c.exp = None), QuestionError::NoEnd));
        let error = refuse(|c| c.exp = Some(NOW - 1));
        assert!(matches!(error, QuestionError::Claims(DecodeError::Expired)), "{error}");
        let error = refuse(|c| c.nbf = Some(NOW + 1));
        assert!(matches!(error, QuestionError::Claims(DecodeError::NotYetValid)), "{error}");
        assert!(matches!(refuse(|c| c.nats.server_id.xkey = None), QuestionError::OtherXkey));
        let another = ServerPair::from_random([8; 32]).unwrap();
        let error = open(&sealed(&mut claims(), &another)).unwrap_err();
        assert!(matches!(error, QuestionError::Server), "{error}");

        let box_of = |bytes: &[u8]| servers_curve().seal(bytes, keys().curve.public()).unwrap();
        assert!(matches!(open(&box_of(b"\xff")), Err(QuestionError::NotText)));
        for rubbish in ["", "a.b.c", keys().credentials.jwt().as_str()] {
            assert!(matches!(open(&box_of(rubbish.as_bytes())), Err(QuestionError::Claims(_))));
        }
        let jwt = claims().seal(&server()).unwrap();
        let (message, _) = jwt.as_str().rsplit_once('.').unwrap();
        let error = open(&box_of(format!("{message}.AAAA").as_bytes())).unwrap_err();
        assert!(matches!(error, QuestionError::Claims(DecodeError::Signature)), "{error}");
    }
}
