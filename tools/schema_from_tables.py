#!/usr/bin/env python3
"""Writes src/api/proto/**.proto from the tables of facts about the Kubernetes API.

    tools/schema_from_tables.py TABLES_DIR OUT_DIR

TABLES_DIR holds api-messages.tsv and api-fields.tsv. The .proto files are checked in and are what
the build reads; this program is needed only to move to another version of Kubernetes.
"""
import csv
import json
import os
import re
import sys
from collections import defaultdict

FORMS = {
    "Time": "Time", "MicroTime": "MicroTime", "Duration": "Duration", "Quantity": "Quantity",
    "QuantityValue": "Quantity", "IntOrString": "IntOrString", "RawExtension": "RawExtension",
    "FieldsV1": "FieldsV1", "JSON": "JSON", "Verbs": "StringList", "ExtraValue": "StringList",
    "JSONSchemaPropsOrArray": "SchemaOrArray", "JSONSchemaPropsOrBool": "SchemaOrBool",
    "JSONSchemaPropsOrStringArray": "SchemaOrStringArray",
}


def snake(name):
    if name == "jSONSchemas":
        return "json_schemas"
    name = re.sub(r"([A-Z]{2,})s(?=$|[A-Z])", lambda m: m.group(1).capitalize() + "s", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def proto_path(package):
    return package.replace(".", "/").replace("k8s/io", "k8s.io", 1) + "/generated.proto"


def quoted(text):
    return json.dumps(text)


def rows(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def field_options(row):
    out = []

    def flag(column, option):
        if row[column] == "y":
            out.append(f"{option}: true")

    def text(column, option):
        if row[column]:
            out.append(f"{option}: {quoted(row[column])}")

    if row["json_name"] == "inline":
        out.append("inline: true")
    if row["json_name"] == "-":
        out.append("proto_only: true")
    flag("omitempty", "omit_empty")
    flag("omitzero", "omit_zero")
    flag("required", "required")
    flag("go_pointer", "pointer")
    text("patchStrategy", "patch_strategy")
    text("patchMergeKey", "patch_merge_key")
    text("listType", "list_type")
    out += [f"list_map_key: {quoted(k)}" for k in row["listMapKey"].split("|") if k]
    text("mapType", "map_type")
    text("structType", "struct_type")
    out += [f"enum_value: {quoted(json.loads(v) if v.startswith(chr(34)) else v)}"
            for v in row["enum"].split("|") if row["enum"]]
    flag("enum_closed", "enum_closed")
    default = row["default"]
    named = {"ref(AzureDataDiskCachingReadWrite)": '"ReadWrite"',
             "ref(AzureSharedBlobDisk)": '"Shared"'}
    default = named.get(default, default)
    if default:
        out.append(f"default_value: {quoted(default)}")
    text("featureGate", "feature_gate")
    text("validation_tags", "validation")
    return out


def emit_field(row):
    kind = row["proto_type"].replace("map<string,", "map<string, ")
    kind = re.sub(r"(?<![\w.])(k8s\.io\.)", r".\1", kind)
    label = "" if kind.startswith(("repeated ", "map<")) else "optional "
    name = snake(row["proto_name"])
    options = []
    if row["json_name"] not in ("-", "inline"):
        options.append(f"json_name = {quoted(row['json_name'])}")
    facts = field_options(row)
    if facts:
        options.append("(skiff.field) = {" + ", ".join(facts) + "}")
    tail = " [" + ", ".join(options) + "]" if options else ""
    return f"  {label}{kind} {name} = {row['field_number']}{tail};"


def main(tables, out_dir):
    fields = defaultdict(list)
    for row in rows(os.path.join(tables, "api-fields.tsv")):
        if row["field_number"] != "-":
            fields[(row["group"], row["version"], row["message"])].append(row)
    packages = defaultdict(list)
    for message in rows(os.path.join(tables, "api-messages.tsv")):
        if message["proto_full_name"] != "-":
            package = message["proto_full_name"].rsplit(".", 1)[0]
            packages[package].append(message)
    # A message with no field has no row of its own: it is known by its use alone.
    known = {m["proto_full_name"] for ms in packages.values() for m in ms}
    used = {full for own in fields.values() for row in own
            for full in re.findall(r"k8s\.io\.[\w.]+", row["proto_type"])}
    for full in sorted(used - known):
        package, name = full.rsplit(".", 1)
        openapi_name = "io." + full.split(".", 1)[0] + full[len("k8s.io"):]
        packages[package].append({"message": name, "group": "", "version": "", "has_typemeta": "n",
                                  "openapi_name": openapi_name, "map_type": ""})
    for package, messages in sorted(packages.items()):
        imports, body = {"skiff/facts.proto"}, []
        for message in messages:
            own = sorted(fields[(message["group"], message["version"], message["message"])],
                         key=lambda r: int(r["field_number"]))
            facts = []
            if message["openapi_name"] not in ("", "-"):
                facts.append(f"openapi_name: {quoted(message['openapi_name'])}")
            if message["has_typemeta"] == "y" and message["message"] != "Unknown":
                facts.append("has_type_meta: true")
            if message["map_type"]:
                facts.append(f"map_type: {quoted(message['map_type'])}")
            if message["message"] in FORMS:
                facts.append(f"json_form: {quoted(FORMS[message['message']])}")
            body.append(f"\nmessage {message['message']} {{")
            if facts:
                body.append("  option (skiff.message) = {" + ", ".join(facts) + "};")
            for row in own:
                for full in re.findall(r"k8s\.io\.[\w.]+", row["proto_type"]):
                    used = full.rsplit(".", 1)[0]
                    if used != package:
                        imports.add(proto_path(used))
                body.append(emit_field(row))
            body.append("}")
        path = os.path.join(out_dir, proto_path(package))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write("// Generated by tools/schema_from_tables.py; the facts are those of "
                    "Kubernetes v1.35.\n")
            f.write(f'syntax = "proto2";\n\npackage {package};\n\n')
            f.write("".join(f'import "{i}";\n' for i in sorted(imports)))
            f.write("\n".join(body) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
