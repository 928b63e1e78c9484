"""The Python API of TensorRT, release by release: which classes, flags and methods there are.

Read from NVIDIA's own bindings, `python/src/infer/pyCore.cpp`, `pyFoundationalTypes.cpp`,
`pyGraph.cpp`, `pyInt8.cpp` and `python/src/parsers/pyOnnx.cpp`, at the tags 8.0.1, 8.2.1, 8.4.1,
8.5.2, v8.6.1, v10.0.0, v10.16 and v11.1 of the repository NVIDIA/TensorRT: every `.def*` and
`.value` of these classes. `max_workspace_size:..8.6` is there up to 8.6,
`set_memory_pool_limit:8.4..` since 8.4, a name alone in all of them. What went with 11:
calibrators, `BuilderFlag.FP16` and `INT8`, `EXPLICIT_BATCH`, `platform_has_fast_int8`; with 10:
`build_engine`, `max_workspace_size` and bindings by number. `Logger` and classes that no script of
ours touches are left out. It keeps to Python 3.6, as what plays it does.
"""

RELEASES = ("8.0", "8.2", "8.4", "8.5", "8.6", "10.0", "10.16", "11.1")
MAX_OPSET = {
    "8.0": 13, "8.2": 13, "8.4": 17, "8.5": 17, "8.6": 17, "10.0": 20, "10.16": 24, "11.1": 25,
}  # fmt: skip
"""Of each parser. Up to 10.0 as docs/operators.md of onnx/onnx-tensorrt says for that release."""
API = {
    "Severity": """
        ERROR INFO INTERNAL_ERROR VERBOSE WARNING
    """,
    "IOptimizationProfile": """
        extra_memory_target get_shape get_shape_input set_shape set_shape_input
    """,
    "IExecutionContext": """
        active_optimization_profile all_binding_shapes_specified
        all_shape_inputs_specified:..10.16 debug_sync device_memory engine
        enqueue_emits_profile:8.2.. error_recorder execute:..8.6 execute_async:..8.6
        execute_async_v2:..8.6 execute_async_v3:8.5.. execute_v2 get_binding_shape:..8.6
        get_debug_listener:10.0.. get_debug_state:10.0.. get_input_consumed_event:8.5..
        get_max_output_size:8.5.. get_output_allocator:8.5.. get_runtime_config:10.16..
        get_shape:..8.6 get_strides:..8.6 get_tensor_address:8.5.. get_tensor_shape:8.5..
        get_tensor_strides:8.5.. infer_shapes:8.5.. name nvtx_verbosity:8.5..
        persistent_cache_limit:8.5.. profiler report_to_profiler:8.2..
        set_all_tensors_debug_state:10.0.. set_aux_streams:8.6.. set_binding_shape:..8.6
        set_communicator:10.16.. set_debug_listener:10.0.. set_device_memory:10.16..
        set_input_consumed_event:8.5.. set_input_shape:8.5.. set_optimization_profile_async
        set_output_allocator:8.5.. set_shape_input:..8.6 set_tensor_address:8.5..
        set_tensor_debug_state:10.0.. temporary_allocator:8.5..
        unfused_tensors_debug_state:10.16.. update_device_memory_size_for_shapes:10.0..
    """,
    "ICudaEngine": """
        binding_is_input:..8.6 create_engine_inspector:8.2.. create_execution_context
        create_execution_context_without_device_memory:..10.16 create_runtime_config:10.16..
        create_serialization_config:10.0.. device_memory_size:..10.16
        device_memory_size_v2:10.16.. engine_capability error_recorder
        get_aliased_input_tensor:10.16.. get_binding_bytes_per_component:..8.6
        get_binding_components_per_element:..8.6 get_binding_dtype:..8.6
        get_binding_format:..8.6 get_binding_format_desc:..8.6 get_binding_index:..8.6
        get_binding_name:..8.6 get_binding_shape:..8.6 get_binding_vectorized_dim:..8.6
        get_device_memory_size_for_profile:10.0..10.16
        get_device_memory_size_for_profile_v2:10.16.. get_engine_stat:10.16.. get_location:..8.6
        get_profile_shape:..10.0 get_profile_shape_input:..8.6
        get_tensor_bytes_per_component:8.5.. get_tensor_components_per_element:8.5..
        get_tensor_dtype:8.5.. get_tensor_format:8.5.. get_tensor_format_desc:8.5..
        get_tensor_location:8.5.. get_tensor_mode:8.5.. get_tensor_name:8.5..
        get_tensor_profile_shape:8.5.. get_tensor_profile_values:10.0.. get_tensor_shape:8.5..
        get_tensor_vectorized_dim:8.5.. get_weight_streaming_automatic_budget:10.16..
        hardware_compatibility_level:8.6.. has_implicit_batch_dimension:..10.16
        is_debug_tensor:10.0.. is_execution_binding:..8.6 is_shape_binding:..8.6
        is_shape_inference_io:8.5.. max_batch_size:..8.6
        minimum_weight_streaming_budget:10.0..10.16 name num_aux_streams:8.6..
        num_bindings:..8.6 num_io_tensors:8.5.. num_layers num_optimization_profiles
        profiling_verbosity:8.2.. refittable serialize serialize_with_config:10.0..
        streamable_weights_size:10.0.. tactic_sources weight_streaming_budget:10.0..10.16
        weight_streaming_budget_v2:10.16.. weight_streaming_scratch_memory_size:10.16..
    """,
    "BuilderFlag": """
        BF16:10.0..10.16 DEBUG DIRECT_IO:8.2.. DISABLE_COMPILATION_CACHE:10.0..
        DISABLE_TIMING_CACHE DISTRIBUTIVE_INDEPENDENCE:10.16.. EDITABLE_TIMING_CACHE:10.16..
        ENABLE_TACTIC_HEURISTIC:8.5..8.6 ERROR_ON_TIMING_CACHE_MISS:10.0..
        EXCLUDE_LEAN_RUNTIME:8.6.. FP16:..10.16 FP4:10.16..10.16 FP8:8.6..10.16 GPU_FALLBACK
        INT4:10.16..10.16 INT8:..10.16 MONITOR_MEMORY:10.16..
        OBEY_PRECISION_CONSTRAINTS:8.2..10.16 PREFER_PRECISION_CONSTRAINTS:8.2..10.16 REFIT
        REFIT_IDENTICAL:10.0.. REFIT_INDIVIDUAL:10.16.. REJECT_EMPTY_ALGORITHMS:8.2..10.16
        SAFETY_SCOPE SPARSE_WEIGHTS STRICT_NANS:10.16.. STRICT_TYPES:..8.6 STRIP_PLAN:10.0..
        TF32 VERSION_COMPATIBLE:8.6.. WEIGHTLESS:10.0..10.16 WEIGHT_STREAMING:10.0..
    """,
    "DeviceType": """
        DLA GPU
    """,
    "ProfilingVerbosity": """
        DEFAULT:..8.6 DETAILED:8.2.. LAYER_NAMES_ONLY:8.2.. NONE VERBOSE:..8.6
    """,
    "ITimingCache": """
        combine query:10.16.. queryKeys:10.16.. reset serialize update:10.16..
    """,
    "IBuilderConfig": """
        DLA_core add_optimization_profile algorithm_selector:..10.16 all_build_routes:11.1..
        avg_timing_iterations build_route:11.1.. builder_optimization_level:8.6.. can_run_on_DLA
        clear_flag clear_quantization_flag:..10.16 create_timing_cache default_device_type
        engine_capability flags get_calibration_profile:..10.16 get_device_type get_flag
        get_memory_pool_limit:8.4.. get_preview_feature:8.5.. get_quantization_flag:..10.16
        get_tactic_sources get_timing_cache hardware_compatibility_level:8.6..
        int8_calibrator:..10.16 is_device_type_set l2_limit_for_tiling:10.16..
        max_aux_streams:8.6.. max_num_tactics:10.16.. max_workspace_size:..8.6
        min_timing_iterations:..8.6 num_optimization_profiles plugins_to_serialize:8.6..
        profile_stream profiling_verbosity progress_monitor:10.0.. quantization_flags:..10.16
        remote_auto_tuning_config:10.16.. reset reset_device_type runtime_platform:10.16..
        set_calibration_profile:..10.16 set_device_type set_flag set_memory_pool_limit:8.4..
        set_preview_feature:8.5.. set_quantization_flag:..10.16 set_tactic_sources
        set_timing_cache tiling_optimization_level:10.16..
    """,
    "NetworkDefinitionCreationFlag": """
        EXPLICIT_BATCH:..10.16 EXPLICIT_PRECISION:..8.6 PREFER_AOT_PYTHON_PLUGINS:10.16..
        PREFER_JIT_PYTHON_PLUGINS:10.16.. STRONGLY_TYPED:10.0..
    """,
    "Builder": """
        build_engine:..8.6 build_engine_with_config:10.16.. build_serialized_network
        build_serialized_network_to_stream:10.16.. create_builder_config create_network
        create_optimization_profile error_recorder get_plugin_registry:8.6.. gpu_allocator
        is_network_supported logger:8.2.. max_DLA_batch_size max_batch_size:..8.6
        max_threads:8.4.. num_DLA_cores platform_has_fast_fp16:..10.16
        platform_has_fast_int8:..10.16 platform_has_tf32:..10.16 reset:8.2..
    """,
    "Runtime": """
        DLA_core deserialize_cuda_engine engine_host_code_allowed:8.6.. error_recorder
        get_plugin_registry:8.6.. gpu_allocator load_runtime:8.6.. logger:8.2..
        max_threads:8.4.. num_DLA_cores tempfile_control_flags:8.6.. temporary_directory:8.6..
    """,
    "DataType": """
        BF16:10.0.. BOOL E8M0:10.16.. FLOAT FP4:10.16.. FP8:8.6.. HALF INT32 INT4:10.0..
        INT64:10.0.. INT8 UINT8:8.5..
    """,
    "IHostMemory": """
        dtype nbytes
    """,
    "IInt8EntropyCalibrator2": """
        get_algorithm:..10.16 get_batch:..10.16 get_batch_size:..10.16
        read_calibration_cache:..10.16 write_calibration_cache:..10.16
    """,
    "INetworkDefinition": """
        add_activation add_assertion:8.2.. add_attention:10.16.. add_attention_v2:11.1..
        add_cast:8.6.. add_concatenation add_constant add_convolution:..8.6 add_convolution_nd
        add_cumulative:10.16.. add_deconvolution:..8.6 add_deconvolution_nd add_dequantize
        add_dist_collective:10.16.. add_dynamic_quantize:10.16.. add_dynamic_quantize_v2:10.16..
        add_einsum:8.2.. add_elementwise add_fill add_fully_connected:..8.6 add_gather
        add_gather_v2:8.2.. add_grid_sample:8.5.. add_identity add_if_conditional:8.2..
        add_input add_kv_cache_update:10.16.. add_loop add_lrn add_matrix_multiply
        add_moe:10.16.. add_nms:8.5.. add_non_zero:8.5.. add_normalization:8.6..
        add_normalization_v2:10.16.. add_one_hot:8.5.. add_padding:..8.6 add_padding_nd
        add_parametric_relu add_plugin:10.16.. add_plugin_v2 add_plugin_v3:10.0..
        add_pooling:..8.6 add_pooling_nd add_quantize add_ragged_softmax add_reduce add_resize
        add_reverse_sequence:8.6.. add_rnn_v2:..8.6 add_rotary_embedding:10.16.. add_scale
        add_scale_nd add_scatter:8.2.. add_select add_shape add_shuffle add_slice add_softmax
        add_squeeze:10.16.. add_topk add_unary add_unsqueeze:10.16..
        are_weights_marked_refittable:10.16.. builder:8.6.. error_recorder flags:10.0..
        get_flag:10.0.. get_input get_layer get_output has_explicit_precision:..8.6
        has_implicit_batch_dimension is_debug_tensor:10.0.. mark_debug:10.0.. mark_output
        mark_output_for_shapes mark_unfused_tensors_as_debug_tensors:10.16..
        mark_weights_refittable:10.16.. name num_inputs num_layers num_outputs remove_tensor
        serialize:8.2.. set_weights_name unmark_debug:10.0.. unmark_output
        unmark_output_for_shapes unmark_unfused_tensors_as_debug_tensors:10.16..
        unmark_weights_refittable:10.16..
    """,
    "OnnxParser": """
        clear_errors clear_flag:8.6.. flags:8.6.. get_error get_flag:8.6..
        get_layer_output_tensor:10.0.. get_subgraph_nodes:10.16..
        get_used_vc_plugin_libraries:8.6.. is_subgraph_supported:10.16..
        load_initializer:10.16.. load_model_proto:10.16.. num_errors num_subgraphs:10.16.. parse
        parse_from_file parse_model_proto:10.16.. parse_with_weight_descriptors:..10.16
        set_builder_config:10.16.. set_flag:8.6.. supports_model:..10.16
        supports_model_v2:10.16.. supports_operator
    """,
    "ParserError": """
        code desc file func line local_function_stack:10.0.. local_function_stack_size:10.0..
        node node_name:10.0.. node_operator:10.0..
    """,
    "LayerInformationFormat": """
        JSON:8.2.. ONELINE:8.2..
    """,
    "EngineInspector": """
        error_recorder:8.2.. execution_context:8.2.. get_engine_information:8.2..
        get_layer_information:8.2..
    """,
    "MemoryPoolType": """
        DLA_GLOBAL_DRAM:8.4.. DLA_LOCAL_DRAM:8.4.. DLA_MANAGED_SRAM:8.4.. TACTIC_DRAM:8.6..
        TACTIC_SHARED_MEMORY:10.0.. WORKSPACE:8.4..
    """,
    "TensorIOMode": """
        INPUT:8.5.. NONE:8.5.. OUTPUT:8.5..
    """,
}


def members(release):
    """The names in each class of a release; a class with none is not there."""
    place = RELEASES.index(release)
    found = {name: frozenset(_there(text, place)) for name, text in API.items()}
    return {name: names for name, names in found.items() if names}


def _there(text, place):
    names = []
    for word in text.split():
        name, _, span = word.partition(":")
        first, _, last = span.partition("..")
        begin = RELEASES.index(first) if first else 0
        end = RELEASES.index(last) if last else len(RELEASES) - 1
        if begin <= place <= end:
            names.append(name)
    return names
