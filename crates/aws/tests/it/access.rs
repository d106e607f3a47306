//! What an account may do and is set up with. The policies that are handed out are judged by the stand-in's simulation.

use crate::bench::Bench;
use curfew_aws::{Aws, Keys};
use curfew_core::access::{Access, Level, May, Part, Report};
use curfew_core::provider::Provider;
use curfew_core::run::RunState;
use curfew_core::{Error, ErrorKind, Notice, RegionName};
use jiff::SignedDuration;
use serde_json::json;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const EC2_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

fn access(aws: &Aws) -> &dyn Access {
    aws.access().unwrap()
}

fn may<'a>(report: &'a Report, id: &str) -> &'a May {
    &report.features.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("no feature {id}")).may
}

fn refused(report: &Report, id: &str) -> Vec<(String, String)> {
    match may(report, id) {
        May::Denied { refused } => refused.iter().map(|r| (r.action.clone(), r.by.clone())).collect(),
        other => panic!("{id}: {other:?}"),
    }
}

/// A user with this policy, and the account through its keys.
async fn user(bench: &Bench, name: &str, policy: &str) -> Aws {
    let iam = bench.iam();
    iam.create_user().user_name(name).send().await.unwrap();
    iam.put_user_policy().user_name(name).policy_name("p").policy_document(policy).send().await.unwrap();
    let key = iam.create_access_key().user_name(name).send().await.unwrap();
    let key = key.access_key().unwrap();
    let keys = Keys { id: key.access_key_id().into(), secret: key.secret_access_key().into(), session: None };
    bench.with(|s| s.keys = Some(keys)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_policy_allows_its_own_and_no_more() {
    let bench = Bench::new().await;
    for policy in access(&bench.aws).policies() {
        let aws = user(&bench, &policy.name, &policy.text).await;
        let who = access(&aws).who(&bench.cx).await.unwrap();
        assert_eq!(who.says, format!("The user {}", policy.name));
        let report = access(&aws).may(&bench.cx).await.unwrap();
        for feature in &report.features {
            let allowed = matches!(feature.may, May::Allowed { .. });
            let denied = matches!(feature.may, May::Denied { .. });
            assert_eq!(
                (allowed, denied),
                (feature.level <= policy.level, feature.level > policy.level),
                "{}: {feature:#?}",
                policy.name
            );
        }
        if policy.level == Level::Researcher {
            let role = refused(&report, "role");
            assert!(role.contains(&("iam:CreateRole".into(), "no policy allows it".into())), "{role:?}");
        }
    }
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_judged_by_the_role_behind_it() {
    let bench = Bench::new().await;
    let iam = bench.iam();
    let made = iam.create_role().role_name("Student").path("/class/").assume_role_policy_document(TRUST).send().await;
    let role = made.unwrap().role().unwrap().arn().to_owned();
    iam.put_role_policy().role_name("Student").policy_name("p").policy_document(ALL).send().await.unwrap();
    let session = bench.sts().assume_role().role_arn(&role).role_session_name("ada").send().await.unwrap();
    let c = session.credentials().unwrap();
    let keys = Keys {
        id: c.access_key_id().into(),
        secret: c.secret_access_key().into(),
        session: Some(c.session_token().into()),
    };
    let aws = bench.with(|s| s.keys = Some(keys)).await;
    let who = access(&aws).who(&bench.cx).await.unwrap();
    assert_eq!(who.says, "A session of the role Student", "{who:?}");
    let report = access(&aws).may(&bench.cx).await.unwrap();
    assert!(report.how.contains(&role), "the role with its path, and not the session: {}", report.how);
    assert!(matches!(may(&report, "train"), May::Allowed { .. }), "{report:#?}");
    assert!(report.limits.iter().any(|l| l.contains("session policy")), "{:?}", report.limits);

    // A boundary takes away what the role's own policy gives.
    let fence = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sagemaker:*","s3:*","logs:*","ec2:*"],"Resource":"*"}]}"#;
    let fence = iam.create_policy().policy_name("fence").policy_document(fence).send().await.unwrap();
    let fence = fence.policy().unwrap().arn().unwrap().to_owned();
    iam.put_role_permissions_boundary().role_name("Student").permissions_boundary(fence).send().await.unwrap();
    let report = access(&aws).may(&bench.cx).await.unwrap();
    let boundary = ("iam:PassRole".to_owned(), "the permissions boundary does not allow it".to_owned());
    assert_eq!(refused(&report, "train"), [boundary]);
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_unknown_until_tried() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let sentence = "User: arn:aws:iam::123456789012:user/researcher is not authorized to perform: \
                    iam:SimulatePrincipalPolicy on resource: user researcher";
    bench.fault(&json!({ "op": "SimulatePrincipalPolicy", "count": 99, "code": "AccessDenied", "status": 403, "message": sentence }));
    let other = bench.again().await;
    let report = access(&other).may(cx).await.unwrap();
    for feature in &report.features {
        let open = matches!(&feature.may, May::Unknown { why } if why.starts_with("unknown until tried: these keys may not ask"));
        let known = feature.id == "rights" && matches!(feature.may, May::Denied { .. });
        assert!(open || known, "{feature:#?}");
    }

    // A launch that works tells something, and one that is refused tells more.
    let run = bench.run("print(1)");
    let handle = bench.training().launch(cx, &run).await.unwrap();
    bench.until(&handle, |s| s.state.is_over()).await;
    let report = access(&bench.aws).may(cx).await.unwrap();
    let May::Unknown { why } = may(&report, "train") else { panic!("{report:#?}") };
    assert!(why.contains("of iam:PassRole") && !why.contains("CreateTrainingJob"), "only what was not tried: {why}");

    let sentence = "User: arn:aws:iam::123456789012:user/researcher is not authorized to perform: sagemaker:CreateTrainingJob on \
                    resource: arn:aws:sagemaker:us-east-1:123456789012:training-job/x with an explicit deny in a service control policy";
    bench.fault(&json!({ "op": "CreateTrainingJob", "count": 1, "code": "AccessDeniedException", "status": 400, "message": sentence }));
    let error = bench.training().launch(cx, &bench.run("print(1)")).await.unwrap_err();
    let hint = error.rights().unwrap();
    assert_eq!(
        (error.kind(), hint.account.0.as_str(), hint.level),
        (ErrorKind::PermissionDenied, "123456789012", Some(Level::Researcher))
    );
    assert_eq!(hint.action.as_deref(), Some("sagemaker:CreateTrainingJob"));
    let notice = Notice::from(&error);
    assert!(notice.next.contains("sagemaker:CreateTrainingJob") && notice.next.contains("“researcher”"), "{notice:#?}");
    assert!(notice.bill.contains("Nothing was started"), "{notice:#?}");
    assert_eq!(notice.happened, "These keys may not do that: AWS refuses them sagemaker:CreateTrainingJob.");
    assert!(notice.details.iter().any(|d| d.contains("service control policy")), "AWS's own words: {notice:#?}");
    let report = access(&bench.aws).may(cx).await.unwrap();
    let train = refused(&report, "train");
    assert!(
        train.iter().any(|(action, by)| action == "sagemaker:CreateTrainingJob" && by.contains("AWS refused it")),
        "{train:?}"
    );

    // What the simulation calls allowed is not, where AWS has refused it.
    bench.fault(&json!([]));
    let report = access(&bench.aws).may(cx).await.unwrap();
    assert_eq!(refused(&report, "train").len(), 1, "{report:#?}");
    assert!(matches!(may(&report, "deploy"), May::Allowed { .. }), "{report:#?}");

    // That somebody else's bucket or role is closed to us says nothing about ours.
    bench.fault(&json!({ "op": ["GetBucketLocation", "GetRole"], "count": 2, "code": "AccessDenied", "status": 403, "message": "Access Denied" }));
    access(&bench.aws).choose(cx, Part::Bucket, "of-a-stranger").await.unwrap_err();
    access(&bench.aws).choose(cx, Part::Role, "arn:aws:iam::123456789012:role/Closed").await.unwrap();
    let report = access(&bench.aws).may(cx).await.unwrap();
    assert!(matches!(may(&report, "sweep"), May::Allowed { .. }), "{report:#?}");
    access(&bench.aws).unchoose(Part::Role).unwrap();

    // S3 names no action; the call does.
    bench.fault(&json!({ "op": "ListBuckets", "code": "AccessDenied", "status": 403, "message": "Access Denied" }));
    let found = access(&bench.aws).found(cx, Part::Bucket).await;
    assert!(found.items.is_empty() && found.gaps[0].kind == ErrorKind::PermissionDenied, "{found:?}");
    let report = access(&bench.aws).may(cx).await.unwrap();
    assert_eq!(refused(&report, "pick-bucket")[0].0, "s3:ListAllMyBuckets");
    bench.no_bad_request();
}

fn wrong(error: &Error, field: &str, says: &str) {
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some(field)), "{error:?}");
    assert!(error.message().contains(says), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_picked_typed_or_made() {
    let bench = Bench::new().await;
    let (cx, iam) = (&bench.cx, bench.iam());
    let here = access(&bench.aws);
    assert_eq!(here.chosen(cx, Part::Role).await.unwrap(), None);
    let make = async |name: &str, path: &str, trust: &str| {
        let made =
            iam.create_role().role_name(name).path(path).assume_role_policy_document(trust).send().await.unwrap();
        made.role().unwrap().arn().to_owned()
    };
    let lab = make("LabRole", "/", TRUST).await;
    let mine = make("Vision", "/service-role/", TRUST).await;
    let web = make("Web", "/", EC2_TRUST).await;
    let found = here.found(cx, Part::Role).await;
    let ids: Vec<&str> = found.items.iter().map(|c| c.id.as_str()).collect();
    assert!(
        found.is_whole() && ids.contains(&lab.as_str()) && ids.contains(&mine.as_str()) && !ids.contains(&web.as_str()),
        "{ids:?}"
    );
    assert_eq!(here.chosen(cx, Part::Role).await.unwrap().unwrap().by, "found by its name");

    wrong(&here.choose(cx, Part::Role, "LabRole").await.unwrap_err(), "role", "not the ARN of a role of this account");
    wrong(&here.choose(cx, Part::Role, "arn:aws:iam::999999999999:role/x").await.unwrap_err(), "role", "not the ARN");
    wrong(
        &here.choose(cx, Part::Role, "arn:aws:iam::123456789012:role/nobody").await.unwrap_err(),
        "role",
        "there is no role",
    );
    wrong(&here.choose(cx, Part::Role, &web).await.unwrap_err(), "role", "does not trust sagemaker.amazonaws.com");
    wrong(&here.choose(cx, Part::Role, "arn:aws:iam::123456789012:role/Vision").await.unwrap_err(), "role", &mine);

    // Another process chooses; the one that runs already works under it with its next launch.
    let other = bench.again().await;
    access(&other).choose(cx, Part::Role, &mine).await.unwrap();
    assert_eq!(here.chosen(cx, Part::Role).await.unwrap().unwrap().id, mine);
    let run = bench.run("print(1)");
    let handle = bench.training().launch(cx, &run).await.unwrap();
    let job = bench.sagemaker().describe_training_job().training_job_name(run.id.as_str()).send().await.unwrap();
    assert_eq!(job.role_arn(), Some(mine.as_str()));
    bench.until(&handle, |s| s.state.is_over()).await;
    let pass = format!("\"{mine}\"");
    assert!(here.policies()[1].text.contains(&pass), "the policy names the role that is used");

    // Without the right to list or look, an ARN that is typed is taken.
    bench.fault(
        &json!({ "op": ["ListRoles", "GetRole"], "count": 99, "code": "AccessDenied", "status": 403, "message": "no" }),
    );
    let blind = here.found(cx, Part::Role).await;
    assert!(blind.items.is_empty() && blind.gaps.len() == 1, "{blind:?}");
    assert_eq!(here.choose(cx, Part::Role, &lab).await.unwrap().id, lab);
    bench.fault(&json!([]));

    // Ours: as its documents say, twice the same.
    let sheet = here.part(Part::Role);
    let made = here.make(cx, Part::Role).await.unwrap();
    assert_eq!(here.make(cx, Part::Role).await.unwrap(), made);
    assert_eq!(made.id, format!("arn:aws:iam::123456789012:role/{}", sheet.ours));
    let policy = iam.get_role_policy().role_name(&sheet.ours).policy_name("curfew").send().await.unwrap();
    let held = percent(policy.policy_document());
    let (held, shown): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&held).unwrap(), serde_json::from_str(&sheet.documents[1].1).unwrap());
    assert_eq!(held, shown, "what was shown is what was made");
    here.unchoose(Part::Role).unwrap();
    assert_eq!(here.chosen(cx, Part::Role).await.unwrap().unwrap().id, made.id, "ours is found by its name");

    let fixed = bench.with(|s| s.role = Some(lab.clone())).await;
    let chosen = access(&fixed).chosen(cx, Part::Role).await.unwrap().unwrap();
    assert!(chosen.fixed && chosen.by == "CURFEW_AWS_ROLE" && chosen.id == lab);
    assert_eq!(access(&fixed).choose(cx, Part::Role, &mine).await.unwrap_err().kind(), ErrorKind::Conflict);
    bench.no_bad_request();
}

/// URL-encoded text, as IAM answers documents.
fn percent(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex: String = bytes.by_ref().take(2).map(char::from).collect();
            out.push(u8::from_str_radix(&hex, 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_picked_or_made_and_nothing_is_lost_by_another() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let here = access(&bench.aws);
    let ours = "curfew-sagemaker-us-east-1-123456789012";
    assert_eq!(here.make(cx, Part::Bucket).await.unwrap().id, ours);
    let s3 = bench.s3("us-east-1");
    let encryption = s3.get_bucket_encryption().bucket(ours).send().await.unwrap();
    let rule = &encryption.server_side_encryption_configuration().unwrap().rules()[0];
    assert_eq!(rule.apply_server_side_encryption_by_default().unwrap().sse_algorithm().as_str(), "AES256");
    let closed = s3.get_public_access_block().bucket(ours).send().await.unwrap();
    let closed = closed.public_access_block_configuration().unwrap();
    assert!(
        [
            closed.block_public_acls(),
            closed.ignore_public_acls(),
            closed.block_public_policy(),
            closed.restrict_public_buckets()
        ]
        .iter()
        .all(|on| *on == Some(true))
    );
    let rules = s3.get_bucket_lifecycle_configuration().bucket(ours).send().await.unwrap();
    let days: Vec<_> = rules
        .rules()
        .iter()
        .map(|r| {
            (
                r.abort_incomplete_multipart_upload()
                    .and_then(aws_sdk_s3::types::AbortIncompleteMultipartUpload::days_after_initiation),
                r.expiration().and_then(aws_sdk_s3::types::LifecycleExpiration::days),
            )
        })
        .collect();
    assert_eq!(days, [(Some(7), None), (None, Some(30))]);

    let run = bench.run("print(1)");
    let handle = bench.training().launch(cx, &run).await.unwrap();
    bench.until(&handle, |s| s.state == RunState::Completed).await;

    // One of the account's own, open to the public and in the home region, and one elsewhere.
    s3.create_bucket().bucket("lab-data").send().await.unwrap();
    let far = bench.s3("eu-west-1");
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint("eu-west-1".into()).build();
    far.create_bucket().bucket("lab-eu").create_bucket_configuration(place).send().await.unwrap();
    let found = here.found(cx, Part::Bucket).await;
    assert!(found.is_whole(), "{:?}", found.gaps);
    let row = |name: &str| found.items.iter().find(|c| c.id == name).unwrap();
    assert!(
        row(ours).cautions.is_empty() && row(ours).notes.contains(&"closed to the public".to_owned()),
        "{:?}",
        row(ours)
    );
    assert!(
        row("lab-data").cautions.iter().any(|c| c.contains("public access is not barred")),
        "{:?}",
        row("lab-data")
    );
    assert!(row("lab-eu").notes.contains(&"in eu-west-1".to_owned()));

    wrong(&here.choose(cx, Part::Bucket, "No Such").await.unwrap_err(), "bucket", "cannot be the name");
    wrong(&here.choose(cx, Part::Bucket, "no-such-bucket").await.unwrap_err(), "bucket", "there is no bucket");
    let other = bench.again().await;
    assert_eq!(access(&other).choose(cx, Part::Bucket, "s3://lab-data/").await.unwrap().id, "lab-data");
    assert_eq!(here.chosen(cx, Part::Bucket).await.unwrap().unwrap().by, "chosen here, in us-east-1");

    // The next run goes there; the one before is still known, and swept.
    let second = bench.run("print(2)");
    let second_handle = bench.training().launch(cx, &second).await.unwrap();
    let done = bench.until(&second_handle, |s| s.state == RunState::Completed).await;
    assert!(done.model.is_none_or(|m| m.starts_with("s3://lab-data/curfew/")));
    assert!(
        !s3.list_objects_v2().bucket("lab-data").prefix("curfew/runs/").send().await.unwrap().contents().is_empty()
    );
    let mut names: Vec<String> =
        bench.training().list(cx).await.unwrap().items.into_iter().map(|(h, _)| h.id.to_string()).collect();
    names.sort();
    assert_eq!(names, [run.id.to_string(), second.id.to_string()]);
    assert_eq!(bench.training().status(cx, &handle).await.unwrap().state, RunState::Completed);
    assert_eq!(
        bench.training().launch(cx, &run).await.unwrap(),
        handle,
        "the same intent is the same run, wherever it lies"
    );
    let kinds = bench.aws.kinds();
    let kind = kinds.iter().find(|k| k.sheet().id == "run").unwrap();
    let swept = kind.list(cx, &"us-east-1".parse().unwrap()).await;
    assert_eq!((swept.items.len(), swept.gaps.len()), (2, 0), "{swept:#?}");

    // Another one again: the runs in lab-data stay known too, and the user's own bucket is never offered for removal.
    access(&other).choose(cx, Part::Bucket, "lab-eu").await.unwrap();
    let swept = kind.list(cx, &"us-east-1".parse().unwrap()).await;
    assert_eq!(swept.items.len(), 2, "{swept:#?}");
    for resource in &swept.items {
        for step in &resource.steps {
            kind.remove(cx, &resource.key.region, &resource.key.id, step).await.unwrap();
        }
    }
    assert!(kind.list(cx, &"us-east-1".parse().unwrap()).await.items.is_empty());
    let buckets = kinds.iter().find(|k| k.sheet().id == "bucket").unwrap();
    let listed = buckets.list(cx, &"us-east-1".parse().unwrap()).await;
    let listed: Vec<&str> = listed.items.iter().map(|r| r.key.id.as_str()).collect();
    assert_eq!(listed, [ours]);
    bench.no_bad_request();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_enabled_regions_are_found_out_and_kept() {
    let bench = Bench::new().await;
    let cx = &bench.cx;
    let here = access(&bench.aws);
    let day = SignedDuration::from_hours(24);
    let home: RegionName = "us-east-1".parse().unwrap();
    assert_eq!(read(&bench.aws), std::slice::from_ref(&home), "nothing is asked before it is needed");

    bench.fault(&json!({ "op": "DescribeRegions", "code": "UnauthorizedOperation", "status": 403, "message": "no" }));
    let error = here.regions(cx, day).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert_eq!(error.rights().and_then(|r| r.action.as_deref()), Some("ec2:DescribeRegions"));
    assert_eq!(read(&bench.aws), std::slice::from_ref(&home), "and a refusal is no list of regions");
    bench.fault(&json!([]));

    let regions = here.regions(cx, day).await.unwrap();
    assert!(regions.enabled.len() > 10 && regions.at.is_some() && regions.limited_by.is_none(), "{regions:?}");
    assert!(regions.enabled.iter().all(|r| !r.as_str().starts_with("cn-") && !r.as_str().starts_with("us-gov-")));
    assert_eq!((regions.read.len(), &regions.read[0]), (regions.enabled.len(), &home));
    // What is offered at launch has their machines, as far as prices are known here.
    let machines = bench.aws.offers().unwrap().machines(cx).await.unwrap().items;
    let in_west = machines.iter().filter(|m| m.machine.region.as_deref() == Some("us-west-2")).count();
    assert!(in_west > 5 && machines.len() > in_west, "{in_west} of {}", machines.len());
    let asked = bench.calls("DescribeRegions");
    // Kept for every process of the home, and asked again when it is old.
    let other = bench.again().await;
    assert_eq!(access(&other).regions(cx, day).await.unwrap(), regions);
    assert_eq!((read(&other), bench.calls("DescribeRegions")), (regions.read.clone(), asked));
    access(&other).regions(cx, SignedDuration::ZERO).await.unwrap();
    assert_eq!(bench.calls("DescribeRegions"), asked + 1);

    let limited = bench.with(|s| s.regions = vec!["eu-west-1".parse().unwrap()]).await;
    let known = access(&limited).regions_known();
    let names: Vec<&str> = known.read.iter().map(RegionName::as_str).collect();
    assert_eq!(
        (names.as_slice(), known.limited_by.as_deref()),
        (["us-east-1", "eu-west-1"].as_slice(), Some("CURFEW_AWS_REGIONS"))
    );

    // A whole sweep: each kind in each region; kinds of one region that ask at once ask once for its bucket.
    let before = bench.calls("ListObjectsV2");
    let begun = std::time::Instant::now();
    let aws = bench.again().await;
    for region in read(&aws) {
        let lists = futures::future::join_all(aws.kinds().iter().map(|kind| kind.list(cx, &region))).await;
        assert!(lists.iter().all(|l| l.items.is_empty() && l.gaps.is_empty()), "{lists:#?}");
    }
    println!("{} regions were read in {:?}", read(&aws).len(), begun.elapsed());
    let looked = bench.calls("ListObjectsV2") - before;
    assert!(looked <= regions.read.len() + 5, "{looked} looks for {} buckets", regions.read.len());
    bench.no_bad_request();
}

/// The regions that a sweep reads.
fn read(aws: &Aws) -> Vec<RegionName> {
    Provider::regions(aws)
}
