//! Asking for a larger quota.

use crate::aws::Inner;
use crate::error::from_sdk;
use crate::retry::call;
use aws_sdk_servicequotas::types::RequestedServiceQuotaChange;
use curfew_core::error::Bill;
use curfew_core::market::{QuotaAsked, QuotaWish};
use curfew_core::{Cx, Error, ErrorKind, Result};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

const WHAT: &str = "ask for a larger quota";

impl Inner {
    /// Asks, unless the same is asked already: AWS takes one open request for a quota at a time.
    pub(super) async fn ask_quota(&self, cx: &Cx, wish: &QuotaWish) -> Result<QuotaAsked> {
        let client = self.at(&wish.region).quotas.clone();
        let code = match &wish.code {
            Some(code) => code.clone(),
            None => self.code_of(cx, wish).await?,
        };
        let mut token = None::<String>;
        loop {
            let page = call(cx, WHAT, || {
                let ask = client.list_requested_service_quota_change_history_by_quota();
                ask.service_code(&wish.service).quota_code(&code).set_next_token(token.clone()).send()
            })
            .await?;
            if let Some(open) = page.requested_quotas().iter().find(|r| is_open(r)) {
                return Ok(asked(open, wish, true));
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        let value = wish.value.to_f64().ok_or_else(|| Error::input("value", "the value is too large"))?;
        // Asked once: whether an answer was lost is seen in the list above when it is asked for again.
        let answer = client.request_service_quota_increase();
        let answer = answer.service_code(&wish.service).quota_code(&code).desired_value(value).send().await;
        let answer = answer.map_err(|e| {
            let told = from_sdk(WHAT, &e).bill(Bill::NothingStarted);
            told.next("Look at the request on AWS's console; asking again here finds it")
        })?;
        let empty =
            || Error::new(ErrorKind::Unknown, WHAT, "AWS answered without a request").bill(Bill::NothingStarted);
        Ok(asked(answer.requested_quota().ok_or_else(empty)?, wish, false))
    }

    /// The quota's code by its name, as the account lists it.
    async fn code_of(&self, cx: &Cx, wish: &QuotaWish) -> Result<String> {
        let listed = self.quota_list(cx, &wish.region, &wish.service).await?;
        let found = listed.into_iter().find(|q| q.name == wish.name).and_then(|q| q.code);
        found.ok_or_else(|| {
            let says = format!("this account lists no quota “{}” in {}", wish.name, wish.region);
            Error::new(ErrorKind::NotFound, WHAT, says).bill(Bill::NothingStarted).next("Ask on AWS's console")
        })
    }
}

fn is_open(request: &RequestedServiceQuotaChange) -> bool {
    request.status().is_some_and(|s| matches!(s.as_str(), "PENDING" | "CASE_OPENED"))
}

fn asked(request: &RequestedServiceQuotaChange, wish: &QuotaWish, before: bool) -> QuotaAsked {
    let state = request.status().map_or_else(|| "asked".into(), |s| s.as_str().to_lowercase().replace('_', " "));
    let value = request.desired_value().and_then(Decimal::from_f64).unwrap_or(wish.value);
    QuotaAsked { id: request.id().unwrap_or_default().to_owned(), state, value, before }
}
