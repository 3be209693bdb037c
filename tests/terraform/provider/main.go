// A provider with the schema of a real one and nothing behind it: terraform plans and applies a folder against it, without an account and
// without the real provider. It reads schema.json of bindings.py (SCHEMA in the environment) and serves the provider its own name says:
// terraform-provider-google, terraform-provider-google-beta.
//
// What the real provider would compute is unknown while planning and made up when applied. What it would check beyond the schema (allowed
// values, which arguments exclude each other) it does not check.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// As bindings.py writes them.
type body struct {
	Set   map[string]attribute `json:"set"`
	Block map[string]block     `json:"block"`
	Get   map[string]any       `json:"get"`
}
type attribute struct {
	Kind     string
	Required bool
}
type block struct {
	Body     body
	Required bool
	Many     bool
	Nesting  string
}
type known struct {
	Version  string          `json:"version"`
	Provider body            `json:"provider"`
	Resource map[string]body `json:"resource"`
	Data     map[string]body `json:"data"`
}

func (a *attribute) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&a.Kind, &a.Required})
}

func (b *block) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&b.Body, &b.Required, &b.Many, &b.Nesting})
}

func kindOf(kind string) tftypes.Type {
	scalar := map[string]tftypes.Type{"string": tftypes.String, "number": tftypes.Number, "boolean": tftypes.Bool}
	for name, element := range scalar {
		switch kind {
		case name:
			return element
		case name + "List":
			return tftypes.List{ElementType: element}
		case name + "Set":
			return tftypes.Set{ElementType: element}
		case name + "Map":
			return tftypes.Map{ElementType: element}
		}
	}
	return tftypes.DynamicPseudoType
}

// The schema of a body; `get` is what can be read of it.  Of a computed object only those know that it may be anything who do not stand in a
// list: what is in a list has one type.
func schemaOf(b body, get map[string]any, object tftypes.Type) *tfprotov6.SchemaBlock {
	out := &tfprotov6.SchemaBlock{}
	for name, a := range b.Set {
		_, computed := get[name]
		out.Attributes = append(out.Attributes, &tfprotov6.SchemaAttribute{Name: name, Type: kindOf(a.Kind), Required: a.Required,
			Optional: !a.Required, Computed: !a.Required && computed && name == "id"})
	}
	for name, value := range get {
		_, settable := b.Set[name]
		_, nested := b.Block[name]
		if settable || nested {
			continue
		}
		kind, _ := value.(string)
		computed := kindOf(kind)
		if computed.Is(tftypes.DynamicPseudoType) {
			computed = object
		}
		out.Attributes = append(out.Attributes, &tfprotov6.SchemaAttribute{Name: name, Type: computed, Computed: true})
	}
	for name, n := range b.Block {
		inner, _ := get[name].(map[string]any)
		nested := &tfprotov6.SchemaNestedBlock{TypeName: name, Block: schemaOf(n.Body, inner, tftypes.String), Nesting: tfprotov6.SchemaNestedBlockNestingModeList}
		switch {
		case n.Nesting == "struct":
			nested.Nesting = tfprotov6.SchemaNestedBlockNestingModeSingle
		case n.Nesting == "set":
			nested.Nesting = tfprotov6.SchemaNestedBlockNestingModeSet
		case !n.Many:
			nested.MaxItems = 1
		}
		if n.Required && nested.Nesting != tfprotov6.SchemaNestedBlockNestingModeSingle {
			nested.MinItems = 1
		}
		out.BlockTypes = append(out.BlockTypes, nested)
	}
	return out
}

type provider struct {
	known            known
	resource, source map[string]*tfprotov6.Schema
}

func schemas(of map[string]body) map[string]*tfprotov6.Schema {
	out := map[string]*tfprotov6.Schema{}
	for name, b := range of {
		out[name] = &tfprotov6.Schema{Block: schemaOf(b, b.Get, tftypes.DynamicPseudoType)}
	}
	return out
}

// compute replaces what is null and computed: by unknown while planning, else by something made up.
func compute(value tftypes.Value, schema *tfprotov6.SchemaBlock, where string, planning bool) (tftypes.Value, error) {
	if value.IsNull() || !value.IsKnown() {
		return value, nil
	}
	members := map[string]tftypes.Value{}
	if err := value.As(&members); err != nil {
		return value, err
	}
	for _, a := range schema.Attributes {
		if a.Computed && planning && members[a.Name].IsNull() {
			members[a.Name] = tftypes.NewValue(a.Type, tftypes.UnknownValue)
		} else if !planning && !members[a.Name].IsKnown() {
			members[a.Name] = madeUp(a, where)
		}
	}
	for _, b := range schema.BlockTypes {
		of := members[b.TypeName]
		if of.IsNull() || !of.IsKnown() {
			continue
		}
		if b.Nesting == tfprotov6.SchemaNestedBlockNestingModeSingle {
			one, err := compute(of, b.Block, where, planning)
			if err != nil {
				return value, err
			}
			members[b.TypeName] = one
			continue
		}
		list := []tftypes.Value{}
		if err := of.As(&list); err != nil {
			return value, err
		}
		for i := range list {
			one, err := compute(list[i], b.Block, where, planning)
			if err != nil {
				return value, err
			}
			list[i] = one
		}
		members[b.TypeName] = tftypes.NewValue(of.Type(), list)
	}
	return tftypes.NewValue(value.Type(), members), nil
}

func madeUp(a *tfprotov6.SchemaAttribute, where string) tftypes.Value {
	switch {
	case a.Type.Is(tftypes.String):
		return tftypes.NewValue(a.Type, fmt.Sprintf("%s of %s", a.Name, where))
	case a.Type.Is(tftypes.Number):
		return tftypes.NewValue(a.Type, 1)
	case a.Type.Is(tftypes.Bool):
		return tftypes.NewValue(a.Type, false)
	case a.Type.Is(tftypes.DynamicPseudoType):
		return tftypes.NewValue(tftypes.String, "")
	}
	if a.Type.Is(tftypes.Map{}) {
		return tftypes.NewValue(a.Type, map[string]tftypes.Value{})
	}
	return tftypes.NewValue(a.Type, []tftypes.Value{})
}

func failed(err error) []*tfprotov6.Diagnostic {
	return []*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: err.Error()}}
}

// change computes one state of a resource; nothing of what is null already.
func (p *provider) change(kind string, in *tfprotov6.DynamicValue, planning bool) (*tfprotov6.DynamicValue, error) {
	schema := p.resource[kind]
	value, err := in.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, err
	}
	if value, err = compute(value, schema.Block, kind, planning); err != nil {
		return nil, err
	}
	out, err := tfprotov6.NewDynamicValue(schema.ValueType(), value)
	return &out, err
}

func (p *provider) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	p.resource, p.source = schemas(p.known.Resource), schemas(p.known.Data)
	return &tfprotov6.GetProviderSchemaResponse{Provider: &tfprotov6.Schema{Block: schemaOf(p.known.Provider, map[string]any{}, tftypes.String)},
		ResourceSchemas: p.resource, DataSourceSchemas: p.source, Functions: map[string]*tfprotov6.Function{},
		EphemeralResourceSchemas: map[string]*tfprotov6.Schema{}}, nil
}

func (p *provider) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{}, nil
}

func (p *provider) ValidateProviderConfig(_ context.Context, rq *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: rq.Config}, nil
}

func (p *provider) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (p *provider) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (p *provider) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (p *provider) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (p *provider) UpgradeResourceState(_ context.Context, rq *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	kind := p.resource[rq.TypeName].ValueType()
	value, err := rq.RawState.Unmarshal(kind)
	if err != nil {
		return &tfprotov6.UpgradeResourceStateResponse{Diagnostics: failed(err)}, nil
	}
	out, err := tfprotov6.NewDynamicValue(kind, value)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &out}, err
}

func (p *provider) ReadResource(_ context.Context, rq *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return &tfprotov6.ReadResourceResponse{NewState: rq.CurrentState, Private: rq.Private}, nil
}

func (p *provider) PlanResourceChange(_ context.Context, rq *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	out, err := p.change(rq.TypeName, rq.ProposedNewState, true)
	if err != nil {
		return &tfprotov6.PlanResourceChangeResponse{Diagnostics: failed(err)}, nil
	}
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: out}, nil
}

func (p *provider) ApplyResourceChange(_ context.Context, rq *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	out, err := p.change(rq.TypeName, rq.PlannedState, false)
	if err != nil {
		return &tfprotov6.ApplyResourceChangeResponse{NewState: rq.PriorState, Diagnostics: failed(err)}, nil
	}
	return &tfprotov6.ApplyResourceChangeResponse{NewState: out}, nil
}

// The one data source that is read answers while planning, as Google would.
func (p *provider) ReadDataSource(_ context.Context, rq *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	schema := p.source[rq.TypeName]
	value, err := rq.Config.Unmarshal(schema.ValueType())
	if err != nil {
		return &tfprotov6.ReadDataSourceResponse{Diagnostics: failed(err)}, nil
	}
	members := map[string]tftypes.Value{}
	if err := value.As(&members); err != nil {
		return &tfprotov6.ReadDataSourceResponse{Diagnostics: failed(err)}, nil
	}
	for _, a := range schema.Block.Attributes {
		if a.Computed && members[a.Name].IsNull() {
			members[a.Name] = madeUp(a, rq.TypeName)
		}
	}
	if _, ok := members["number"]; ok {
		members["number"] = tftypes.NewValue(tftypes.String, "123456789012")
	}
	out, err := tfprotov6.NewDynamicValue(schema.ValueType(), tftypes.NewValue(value.Type(), members))
	return &tfprotov6.ReadDataSourceResponse{State: &out}, err
}

func (p *provider) ImportResourceState(context.Context, *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	return &tfprotov6.ImportResourceStateResponse{Diagnostics: failed(fmt.Errorf("nothing is there that could be imported"))}, nil
}

func (p *provider) MoveResourceState(context.Context, *tfprotov6.MoveResourceStateRequest) (*tfprotov6.MoveResourceStateResponse, error) {
	return &tfprotov6.MoveResourceStateResponse{}, nil
}

func (p *provider) CallFunction(context.Context, *tfprotov6.CallFunctionRequest) (*tfprotov6.CallFunctionResponse, error) {
	return &tfprotov6.CallFunctionResponse{}, nil
}

func (p *provider) GetFunctions(context.Context, *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return &tfprotov6.GetFunctionsResponse{}, nil
}

func (p *provider) ValidateEphemeralResourceConfig(context.Context, *tfprotov6.ValidateEphemeralResourceConfigRequest) (*tfprotov6.ValidateEphemeralResourceConfigResponse, error) {
	return &tfprotov6.ValidateEphemeralResourceConfigResponse{}, nil
}

func (p *provider) OpenEphemeralResource(context.Context, *tfprotov6.OpenEphemeralResourceRequest) (*tfprotov6.OpenEphemeralResourceResponse, error) {
	return &tfprotov6.OpenEphemeralResourceResponse{}, nil
}

func (p *provider) RenewEphemeralResource(context.Context, *tfprotov6.RenewEphemeralResourceRequest) (*tfprotov6.RenewEphemeralResourceResponse, error) {
	return &tfprotov6.RenewEphemeralResourceResponse{}, nil
}

func (p *provider) CloseEphemeralResource(context.Context, *tfprotov6.CloseEphemeralResourceRequest) (*tfprotov6.CloseEphemeralResourceResponse, error) {
	return &tfprotov6.CloseEphemeralResourceResponse{}, nil
}

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "terraform-provider-")
	text, err := os.ReadFile(os.Getenv("SCHEMA"))
	all := map[string]known{}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "SCHEMA:", err)
		os.Exit(1)
	}
	p := &provider{known: all[name]}
	if err := tf6server.Serve("registry.terraform.io/hashicorp/"+name, func() tfprotov6.ProviderServer { return p }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
