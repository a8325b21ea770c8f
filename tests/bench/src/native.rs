//! What an operator could configure today without a filter of ours.

use helius_e2e::{Bootstrap, repository};
use serde_json::json;

const FILTERS: &str = "type.googleapis.com/envoy.extensions.filters.http";

/// Envoy's own limiter, with more tokens than are ever asked for.
pub(crate) fn rate_limit(bootstrap: Bootstrap) -> Bootstrap {
    let all = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    bootstrap.inner_filter(json!({
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            "@type": format!("{FILTERS}.local_ratelimit.v3.LocalRateLimit"),
            "stat_prefix": "limit",
            "token_bucket": { "max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s" },
            "filter_enabled": all, "filter_enforced": all,
        },
    }))
}

/// Envoy's own admission control, which sheds load by the share of good answers.
pub(crate) fn admission_control(bootstrap: Bootstrap) -> Bootstrap {
    bootstrap.inner_filter(json!({
        "name": "envoy.filters.http.admission_control",
        "typed_config": {
            "@type": format!("{FILTERS}.admission_control.v3.AdmissionControl"),
            "enabled": { "default_value": true, "runtime_key": "admission_control.enabled" },
            "sampling_window": "30s",
            "success_criteria": { "http_criteria": { "http_success_status": [{ "start": 100, "end": 500 }] } },
        },
    }))
}

/// A limit in each worker by a header, and the status looked at: what can be written in Lua in an hour.
pub(crate) fn lua(bootstrap: Bootstrap) -> Bootstrap {
    let script = r#"
        local tokens, filled = {}, {}
        local failures = 0
        function envoy_on_request(handle)
            local key = handle:headers():get("x-helius-region") or ""
            local now = handle:timestamp()
            local have = math.min(1000000, (tokens[key] or 1000000) + (now - (filled[key] or now)) * 1000)
            filled[key] = now
            if have < 1 then
                tokens[key] = have
                handle:respond({ [":status"] = "429" }, "")
                return
            end
            tokens[key] = have - 1
        end
        function envoy_on_response(handle)
            if tonumber(handle:headers():get(":status")) >= 500 then
                failures = failures + 1
            end
        end
    "#;
    bootstrap.inner_filter(json!({
        "name": "envoy.filters.http.lua",
        "typed_config": { "@type": format!("{FILTERS}.lua.v3.Lua"), "default_source_code": { "inline_string": script } },
    }))
}

/// A filter in Wasm that does nothing, in as many callbacks as this module has; `scripts/bench` makes it.
pub(crate) fn nothing(bootstrap: Bootstrap, module: &str) -> Bootstrap {
    let file = repository().join("target/bench").join(module);
    bootstrap.inner_filter(json!({
        "name": "nothing",
        "typed_config": {
            "@type": format!("{FILTERS}.wasm.v3.Wasm"),
            "config": {
                "name": "nothing",
                "vm_config": {
                    "vm_id": "nothing",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": file } },
                },
            },
        },
    }))
}
