"""Prints what requests to an OTLP collector hold, as JSON: `otlp.py FILE...`. It is read by Google's protobuf with the
messages that OpenTelemetry publishes; what they do not know is an error."""

import json
import pathlib
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


def attributes(pairs):
    out = {}
    for pair in pairs:
        assert pair.key not in out, f"{pair.key} twice"
        out[pair.key] = getattr(pair.value, pair.value.WhichOneof("value"))
    return out


def span(each):
    return {
        "name": each.name,
        "kind": Span.SpanKind.Name(each.kind),
        "trace": each.trace_id.hex(),
        "id": each.span_id.hex(),
        "parent": each.parent_span_id.hex(),
        "state": each.trace_state,
        "flags": each.flags,
        "start": each.start_time_unix_nano,
        "end": each.end_time_unix_nano,
        "status": Status.StatusCode.Name(each.status.code),
        "message": each.status.message,
        "attributes": attributes(each.attributes),
        "events": [
            {"name": event.name, "at": event.time_unix_nano, "attributes": attributes(event.attributes)}
            for event in each.events
        ],
    }


documents = []
for path in sys.argv[1:]:
    body = pathlib.Path(path).read_bytes()
    request = ExportTraceServiceRequest.FromString(body)
    request.DiscardUnknownFields()
    assert request.ByteSize() == len(body), f"{path} has fields that are not known"
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            documents.append(
                {
                    "resource": attributes(of_resource.resource.attributes),
                    "scope": {"name": of_scope.scope.name, "version": of_scope.scope.version},
                    "spans": [span(each) for each in of_scope.spans],
                }
            )
print(json.dumps(documents))
